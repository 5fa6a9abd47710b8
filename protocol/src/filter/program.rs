//! A filter as operators behind their operands, and their run over one message.

use super::Tested;
use super::like::Pattern;
use super::value::{Value, Work};
use crate::message::{MessageView, property_name};
use crate::simple_string::{SimpleStr, SimpleString};

/// What a filter asks of a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Operand {
    /// A property of this name.
    pub(super) property: SimpleString,
    /// Or rather this header.
    pub(super) header: Option<Header>,
}

/// Headers by the names that the filters of the wire give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Header {
    UserId,
    Priority,
    Timestamp,
    Durable,
    Expiration,
    Size,
    Address,
}

/// Names of headers. The group is a property of another name.
const HEADERS: [(&str, Header); 7] = [
    ("AMQUserID", Header::UserId),
    ("AMQPriority", Header::Priority),
    ("AMQTimestamp", Header::Timestamp),
    ("AMQDurable", Header::Durable),
    ("AMQExpiration", Header::Expiration),
    ("AMQSize", Header::Size),
    ("AMQAddress", Header::Address),
];
const GROUP: &str = "AMQGroupID";

impl Operand {
    /// By the name that a filter uses.
    pub(super) fn named(name: &str) -> Self {
        let header = HEADERS.iter().find(|(of, _)| *of == name).map(|(_, header)| *header);
        let property = if name == GROUP { property_name::GROUP_ID } else { name };
        Self { property: property.into(), header }
    }
}

/// A constant of a filter.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(SimpleString),
}

/// One step of a filter.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Constant(Constant),
    /// The operand of this number.
    Operand(usize),
    /// A property is used as a condition.
    Condition,
    Not,
    And,
    Or,
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Of the third from the top: is it between the other two?
    Between,
    IsNull,
    Like(Pattern),
    /// One of these texts, sorted.
    In(Box<[SimpleString]>),
}

/// UTF-16 of `DURABLE`.
const DURABLE: &[u8] = b"D\0U\0R\0A\0B\0L\0E\0";
/// UTF-16 of `NON_DURABLE`.
const NON_DURABLE: &[u8] = b"N\0O\0N\0_\0D\0U\0R\0A\0B\0L\0E\0";

/// Tests a message.
pub(super) fn run(program: &[Op], operands: &[Operand], view: &MessageView<'_>) -> Tested {
    let mut work = Work::default();
    let user_id = view.header.user_id.map(|id| SimpleString::from(format!("ID:{id}").as_str()));
    let values = values_of(operands, view, user_id.as_ref(), &mut work);
    let mut stack = Vec::with_capacity(4);
    let within = values.is_some_and(|values| program.iter().all(|op| step(op, &values, &mut stack, &mut work)));
    let matches = within && stack.pop().and_then(Value::is_true) == Some(true);
    Tested { matches, work: work.0 }
}

/// What the message has for each operand. `None`: the properties cannot be read, or there are too many.
fn values_of<'a>(
    operands: &[Operand],
    view: &MessageView<'a>,
    user_id: Option<&'a SimpleString>,
    work: &mut Work,
) -> Option<Vec<Value<'a>>> {
    let mut values = vec![Value::Null; operands.len()];
    if operands.iter().any(|operand| operand.header.is_none()) {
        for property in view.header.properties.iter() {
            let property = property.ok()?;
            if !work.spend(1) {
                return None;
            }
            let found = operands.binary_search_by(|operand| operand.property.as_simple().cmp(&property.key));
            // Of several of one name, receivers take the last.
            if let Some(value) = found.ok().and_then(|at| values.get_mut(at)) {
                *value = Value::of(property.value);
            }
        }
    }
    for (operand, value) in operands.iter().zip(&mut values) {
        if let Some(header) = operand.header {
            *value = header_value(header, view, user_id);
        }
    }
    Some(values)
}

fn header_value<'a>(header: Header, view: &MessageView<'a>, user_id: Option<&'a SimpleString>) -> Value<'a> {
    match header {
        Header::UserId => user_id.map_or(Value::Null, |id| Value::Text(id.as_simple())),
        Header::Priority => Value::Integer(view.header.priority.into()),
        Header::Timestamp => Value::Integer(view.header.timestamp_ms),
        Header::Durable => {
            let text = if view.header.durable { DURABLE } else { NON_DURABLE };
            SimpleStr::new(text).map_or(Value::Null, Value::Text)
        }
        Header::Expiration => Value::Integer(view.header.expiration_ms),
        Header::Size => Value::Integer(i64::try_from(view.encoded_size()).unwrap_or(i64::MAX)),
        Header::Address => view.header.address.map_or(Value::Null, Value::Text),
    }
}

/// Does one step. False: the test costs more than it may.
fn step<'a>(op: &'a Op, values: &[Value<'a>], stack: &mut Vec<Value<'a>>, work: &mut Work) -> bool {
    let value = match op {
        Op::Constant(constant) => match constant {
            Constant::Null => Value::Null,
            Constant::Bool(value) => Value::Bool(*value),
            Constant::Integer(value) => Value::Integer(*value),
            Constant::Float(value) => Value::Float(*value),
            Constant::Text(text) => Value::Text(text.as_simple()),
        },
        Op::Operand(at) => values.get(*at).copied().unwrap_or(Value::Null),
        operator => apply(operator, stack, work),
    };
    stack.push(value);
    work.spend(1)
}

/// What an operator makes of the values on top.
fn apply<'a>(op: &Op, stack: &mut Vec<Value<'a>>, work: &mut Work) -> Value<'a> {
    let mut pop = || stack.pop().unwrap_or(Value::Null);
    let top = pop();
    match op {
        Op::Constant(_) | Op::Operand(_) => top,
        Op::Condition => top.as_condition(),
        Op::Not => Value::truth(top.is_true().map(|truth| !truth)),
        Op::Negate => top.negated(),
        Op::IsNull => Value::Bool(top == Value::Null),
        Op::Like(pattern) => match top {
            Value::Null => Value::Null,
            Value::Text(text) => Value::truth(pattern.matches(text, work)),
            _ => Value::Bool(false),
        },
        Op::In(texts) => match top {
            Value::Text(text) => {
                work.spend(text.len_units());
                Value::Bool(texts.binary_search_by(|one| one.as_simple().cmp(&text)).is_ok())
            }
            _ => Value::Null,
        },
        Op::Between => {
            let (low, value) = (pop(), pop());
            let above = value.is_ordered(low, work, std::cmp::Ordering::is_ge);
            let below = value.is_ordered(top, work, std::cmp::Ordering::is_le);
            and(above, below)
        }
        binary => apply_binary(binary, pop(), top, work),
    }
}

fn apply_binary<'a>(op: &Op, one: Value<'a>, other: Value<'a>, work: &mut Work) -> Value<'a> {
    match op {
        Op::And => and(one, other),
        Op::Or => match (one.is_true(), other.is_true()) {
            (Some(true), _) | (_, Some(true)) => Value::Bool(true),
            (Some(false), Some(false)) => Value::Bool(false),
            _ => Value::Null,
        },
        Op::Add => one.combined(other, |one, other| Some(one.wrapping_add(other)), |one, other| one + other),
        Op::Subtract => one.combined(other, |one, other| Some(one.wrapping_sub(other)), |one, other| one - other),
        Op::Multiply => one.combined(other, |one, other| Some(one.wrapping_mul(other)), |one, other| one * other),
        Op::Divide => one.divided(other),
        Op::Remainder => one.combined(other, i64::checked_rem, |one, other| one % other),
        Op::Equal => one.equals(other, work),
        Op::Less => one.is_ordered(other, work, std::cmp::Ordering::is_lt),
        Op::LessOrEqual => one.is_ordered(other, work, std::cmp::Ordering::is_le),
        Op::Greater => one.is_ordered(other, work, std::cmp::Ordering::is_gt),
        Op::GreaterOrEqual => one.is_ordered(other, work, std::cmp::Ordering::is_ge),
        _ => Value::Null,
    }
}

fn and<'a>(one: Value<'a>, other: Value<'a>) -> Value<'a> {
    match (one.is_true(), other.is_true()) {
        (Some(false), _) | (_, Some(false)) => Value::Bool(false),
        (Some(true), Some(true)) => Value::Bool(true),
        _ => Value::Null,
    }
}
