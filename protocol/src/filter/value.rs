//! Values that a filter computes with, and how they compare.

use std::cmp::Ordering;

use crate::limits;
use crate::message::PropertyValue;
use crate::simple_string::SimpleStr;

/// What a test has cost so far.
#[derive(Debug, Default)]
pub(super) struct Work(pub(super) usize);

impl Work {
    /// Adds to it. False: it is more than a test may cost.
    pub(super) fn spend(&mut self, work: usize) -> bool {
        self.0 = self.0.saturating_add(work);
        self.0 <= limits::FILTER_WORK_MAX
    }
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// There is none, or nobody can tell.
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(SimpleStr<'a>),
    /// One UTF-16 unit: not a text.
    Char(u16),
    /// Bytes, which compare with nothing.
    Bytes,
}

impl<'a> Value<'a> {
    pub(super) fn of(property: PropertyValue<'a>) -> Self {
        match property {
            PropertyValue::Null => Self::Null,
            PropertyValue::Bool(value) => Self::Bool(value),
            PropertyValue::Byte(value) => Self::Integer(value.into()),
            PropertyValue::Short(value) => Self::Integer(value.into()),
            PropertyValue::Int(value) => Self::Integer(value.into()),
            PropertyValue::Long(value) => Self::Integer(value),
            PropertyValue::Float(value) => Self::Float(value.into()),
            PropertyValue::Double(value) => Self::Float(value),
            PropertyValue::String(value) => Self::Text(value),
            PropertyValue::Char(value) => Self::Char(value),
            PropertyValue::Bytes(_) => Self::Bytes,
        }
    }

    /// From what SQL calls true, false and unknown.
    pub(super) fn truth(truth: Option<bool>) -> Self {
        truth.map_or(Self::Null, Self::Bool)
    }

    /// True, false or unknown.
    pub(super) fn is_true(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A property used as a condition: what is not a truth value is false.
    pub(super) fn as_condition(self) -> Self {
        match self {
            Self::Null | Self::Bool(_) => self,
            _ => Self::Bool(false),
        }
    }

    pub(super) fn equals(self, other: Self, work: &mut Work) -> Self {
        match (self, other) {
            (Self::Null, Self::Null) => Self::Bool(true),
            (Self::Null, _) | (_, Self::Null) => Self::Bool(false),
            _ => Self::Bool(self.compare(other, work) == Some(Ordering::Equal)),
        }
    }

    /// Unknown if a side is missing, false if the sides are of different kinds.
    pub(super) fn is_ordered(self, other: Self, work: &mut Work, holds: impl Fn(Ordering) -> bool) -> Self {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => Self::Null,
            _ => Self::Bool(self.compare(other, work).is_some_and(holds)),
        }
    }

    /// Nothing if the two are not of one kind.
    fn compare(self, other: Self, work: &mut Work) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(&other)),
            (Self::Char(one), Self::Char(other)) => Some(one.cmp(&other)),
            (Self::Integer(one), Self::Integer(other)) => Some(one.cmp(&other)),
            (Self::Text(one), Self::Text(other)) => {
                work.spend(one.len_units().min(other.len_units())).then(|| one.units().cmp(other.units()))
            }
            _ => self.as_float()?.partial_cmp(&other.as_float()?),
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "as the language has it: a whole number beside a fraction becomes one"
    )]
    fn as_float(self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::Integer(value) => Self::Integer(value.wrapping_neg()),
            Self::Float(value) => Self::Float(-value),
            _ => Self::Null,
        }
    }

    /// A quotient is a fraction, of whole numbers too, and by zero it is infinite: the reference has it so.
    pub(super) fn divided(self, other: Self) -> Self {
        let both = self.as_float().zip(other.as_float());
        both.map_or(Self::Null, |(one, other)| Self::Float(one / other))
    }

    /// Other arithmetic: of whole numbers where both are whole, else of fractions. Nothing without two numbers, or as the rest of a
    /// division by zero.
    pub(super) fn combined(
        self,
        other: Self,
        whole: impl Fn(i64, i64) -> Option<i64>,
        fraction: impl Fn(f64, f64) -> f64,
    ) -> Self {
        if let (Self::Integer(one), Self::Integer(other)) = (self, other) {
            return whole(one, other).map_or(Self::Null, Self::Integer);
        }
        let both = self.as_float().zip(other.as_float());
        both.map_or(Self::Null, |(one, other)| Self::Float(fraction(one, other)))
    }
}
