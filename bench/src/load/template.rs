//! A frame made once, and the places in it that differ from message to message.
//!
//! Takes the finished bytes and where the differing fields stand; gives a copy of them with the fields of one message. Must stay true: no
//! field has a length that depends on its value, so that a copy needs nothing but its own bytes; nothing is allocated once the buffer is
//! large enough.

/// What differs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// Which message of its connection: what the answer is found by.
    pub token: u64,
    /// When it was due, in nanoseconds: stands in the body, and comes back with the delivery.
    pub stamp: u64,
    /// Which of the queues.
    pub queue: u32,
}

/// How a number stands in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Eight bytes, the highest first.
    BigEndian,
    /// So many hexadecimal digits.
    Hex(usize),
    /// So many decimal digits.
    Decimal(usize),
    /// So many decimal digits of two bytes each, the lower first.
    WideDecimal(usize),
}

/// A number and its place.
#[derive(Clone, Copy, Debug)]
struct Field {
    at: usize,
    form: Form,
}

impl Field {
    fn put(self, value: u64, frame: &mut [u8]) {
        let Some(rest) = frame.get_mut(self.at..) else { return };
        match self.form {
            Form::BigEndian => {
                if let Some(place) = rest.first_chunk_mut::<8>() {
                    *place = value.to_be_bytes();
                }
            }
            Form::Hex(digits) => put_digits(value, 16, rest.iter_mut().take(digits).rev()),
            Form::Decimal(digits) => put_digits(value, 10, rest.iter_mut().take(digits).rev()),
            // The upper byte of a digit is zero, and stays.
            Form::WideDecimal(digits) => put_digits(value, 10, rest.iter_mut().step_by(2).take(digits).rev()),
        }
    }
}

/// From the last digit to the first.
fn put_digits<'f>(mut value: u64, base: u64, places: impl Iterator<Item = &'f mut u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for place in places {
        let digit = usize::try_from(value % base).unwrap_or(0);
        *place = DIGITS.get(digit).copied().unwrap_or(b'?');
        value /= base;
    }
}

/// A frame and its fields.
#[derive(Clone, Debug, Default)]
pub struct Template {
    bytes: Vec<u8>,
    token: Option<Field>,
    stamp: Option<Field>,
    queue: Option<Field>,
}

impl Template {
    /// These bytes, in which nothing differs.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// The token stands there.
    #[must_use]
    pub fn token(mut self, at: usize, form: Form) -> Self {
        self.token = Some(Field { at, form });
        self
    }

    /// The stamp stands there, in eight bytes.
    #[must_use]
    pub fn stamp(mut self, at: usize) -> Self {
        self.stamp = Some(Field { at, form: Form::BigEndian });
        self
    }

    /// The number of the queue stands there.
    #[must_use]
    pub fn queue(mut self, at: usize, form: Form) -> Self {
        self.queue = Some(Field { at, form });
        self
    }

    /// Bytes of one frame.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends the frame of one message.
    pub fn append(&self, marks: Marks, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(frame) = out.get_mut(start..) else { return };
        let fields = [(self.token, marks.token), (self.stamp, marks.stamp), (self.queue, u64::from(marks.queue))];
        for (field, value) in fields {
            if let Some(field) = field {
                field.put(value, frame);
            }
        }
    }
}

/// Where `part` begins in `bytes`, if it is there.
pub fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len().max(1)).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_takes_its_places_and_no_more() {
        let bytes = b"t........ s........ q00000 h.... w0\x000\x00;".to_vec();
        let marks = Marks { token: 0x0102_0304_0506_0708, stamp: 7, queue: 42 };
        let template = Template::new(bytes.clone()).token(1, Form::BigEndian).stamp(11).queue(21, Form::Decimal(5));
        let mut out = b"before".to_vec();
        template.append(marks, &mut out);
        assert_eq!(out, b"beforet\x01\x02\x03\x04\x05\x06\x07\x08 s\0\0\0\0\0\0\0\x07 q00042 h.... w0\x000\x00;");
        let template = Template::new(bytes).token(28, Form::Hex(4)).queue(34, Form::WideDecimal(2));
        out.clear();
        template.append(marks, &mut out);
        assert_eq!(out, b"t........ s........ q00000 h0708 w4\x002\x00;");
    }

    #[test]
    fn a_place_outside_of_the_frame_changes_nothing() {
        let mut out = Vec::new();
        Template::new(b"abc".to_vec()).token(2, Form::BigEndian).stamp(9).append(Marks::default(), &mut out);
        assert_eq!(out, b"abc");
    }

    #[test]
    fn appending_into_a_buffer_that_is_large_enough_allocates_nothing() {
        let template = Template::new(vec![0; 1024]).token(0, Form::Hex(8)).stamp(16).queue(100, Form::WideDecimal(5));
        let mut out = Vec::with_capacity(64 * template.len());
        let counted = allocation_counter::measure(|| {
            for token in 0..64 {
                template.append(Marks { token, stamp: 1, queue: 2 }, &mut out);
            }
        });
        assert_eq!((counted.count_total, out.len()), (0, 64 * 1024));
    }
}
