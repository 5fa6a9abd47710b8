//! The grammar of filters, from the weakest bond to the strongest: OR, AND, equality, comparison, sums, products, signs.
//!
//! Each rule writes its operands' steps, then its own, and says what kind of value it leaves, since not every kind may stand everywhere.

use super::FilterError;
use super::like::Pattern;
use super::program::{Constant, Op, Operand};
use super::token::{Token, Tokens};
use crate::limits;

/// What kind of value a rule leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// TRUE, FALSE or NULL.
    Truth,
    Null,
    Number,
    Text,
    Property,
    Condition,
    /// A sum, a product, a negative number.
    Computed,
}

impl Kind {
    fn is_constant(self) -> bool {
        matches!(self, Self::Truth | Self::Null | Self::Number | Self::Text)
    }

    fn is_condition(self) -> bool {
        matches!(self, Self::Truth | Self::Null | Self::Condition)
    }
}

/// The steps of a filter, and what they ask of a message.
type Program = (Box<[Op]>, Box<[Operand]>);

type Parsed = Result<Kind, FilterError>;

struct Parser<'a> {
    tokens: Tokens<'a>,
    /// The token that stands next, and where.
    next: Token<'a>,
    offset: usize,
    depth: usize,
    program: Vec<Op>,
    operands: Vec<Operand>,
}

/// Reads a whole filter: its steps, and its operands in order.
pub(super) fn parse(text: &str) -> Result<Program, FilterError> {
    let mut parser = Parser {
        tokens: Tokens::new(text),
        next: Token::End,
        offset: 0,
        depth: 0,
        program: Vec::new(),
        operands: Vec::new(),
    };
    parser.advance()?;
    let kind = parser.disjunction()?;
    parser.condition(kind)?;
    match parser.next {
        Token::End => Ok(parser.finish()),
        _ => Err(parser.error("something follows that does not belong there")),
    }
}

impl<'a> Parser<'a> {
    /// Sorts the operands, so that a message's properties are looked up in them.
    fn finish(mut self) -> Program {
        let mut sorted = self.operands.clone();
        sorted.sort_unstable();
        sorted.dedup();
        for op in &mut self.program {
            if let Op::Operand(at) = op {
                let operand = self.operands.get(*at);
                *at = operand.and_then(|operand| sorted.binary_search(operand).ok()).unwrap_or(usize::MAX);
            }
        }
        (self.program.into(), sorted.into())
    }

    fn error(&self, problem: &'static str) -> FilterError {
        FilterError { offset: self.offset, problem }
    }

    fn advance(&mut self) -> Result<Token<'a>, FilterError> {
        let taken = self.next;
        self.offset = self.tokens.offset();
        self.next = self.tokens.next()?;
        Ok(taken)
    }

    /// Takes the token if it stands next.
    fn takes(&mut self, token: Token<'static>) -> Result<bool, FilterError> {
        let stands = self.next == token;
        if stands {
            self.advance()?;
        }
        Ok(stands)
    }

    fn keyword(&mut self, keyword: &'static str) -> Result<bool, FilterError> {
        self.takes(Token::Keyword(keyword))
    }

    fn sign(&mut self, sign: &'static str) -> Result<bool, FilterError> {
        self.takes(Token::Sign(sign))
    }

    /// What was left is used as a condition.
    fn condition(&mut self, kind: Kind) -> Result<(), FilterError> {
        match kind {
            Kind::Property => self.program.push(Op::Condition),
            kind if kind.is_condition() => {}
            _ => return Err(self.error("what stands before is neither true nor false")),
        }
        Ok(())
    }

    fn disjunction(&mut self) -> Parsed {
        let mut kind = self.conjunction()?;
        while self.keyword("OR")? {
            self.condition(kind)?;
            let right = self.conjunction()?;
            self.condition(right)?;
            self.program.push(Op::Or);
            kind = Kind::Condition;
        }
        Ok(kind)
    }

    fn conjunction(&mut self) -> Parsed {
        let mut kind = self.equality()?;
        while self.keyword("AND")? {
            self.condition(kind)?;
            let right = self.equality()?;
            self.condition(right)?;
            self.program.push(Op::And);
            kind = Kind::Condition;
        }
        Ok(kind)
    }

    fn equality(&mut self) -> Parsed {
        let mut kind = self.comparison()?;
        loop {
            let differs = match self.next {
                Token::Sign("=") => false,
                Token::Sign("<>") => true,
                Token::Keyword("IS") => {
                    self.advance()?;
                    let not = self.keyword("NOT")?;
                    if !self.keyword("NULL")? {
                        return Err(self.error("NULL is missing behind IS"));
                    }
                    self.program.push(Op::IsNull);
                    self.negate_if(not);
                    kind = Kind::Condition;
                    continue;
                }
                _ => return Ok(kind),
            };
            self.advance()?;
            let right = self.comparison()?;
            if kind == Kind::Null || right == Kind::Null {
                return Err(self.error("NULL equals nothing: IS NULL asks for it"));
            }
            if kind == Kind::Truth && right.is_constant() && right != Kind::Truth {
                return Err(self.error("a truth value is compared with something else"));
            }
            self.program.push(Op::Equal);
            self.negate_if(differs);
            kind = Kind::Condition;
        }
    }

    fn negate_if(&mut self, not: bool) {
        if not {
            self.program.push(Op::Not);
        }
    }

    fn comparison(&mut self) -> Parsed {
        let mut kind = self.sum()?;
        loop {
            let op = match self.next {
                Token::Sign("<") => Op::Less,
                Token::Sign("<=") => Op::LessOrEqual,
                Token::Sign(">") => Op::Greater,
                Token::Sign(">=") => Op::GreaterOrEqual,
                Token::Keyword("NOT" | "LIKE" | "BETWEEN" | "IN") => {
                    self.membership(kind)?;
                    kind = Kind::Condition;
                    continue;
                }
                _ => return Ok(kind),
            };
            self.advance()?;
            self.ordered(kind)?;
            let right = self.sum()?;
            self.ordered(right)?;
            self.program.push(op);
            kind = Kind::Condition;
        }
    }

    /// Only numbers have an order, as far as can be seen from the text.
    fn ordered(&self, kind: Kind) -> Result<(), FilterError> {
        match kind {
            Kind::Number | Kind::Property | Kind::Computed => Ok(()),
            _ => Err(self.error("only numbers are more or less than others")),
        }
    }

    /// LIKE, BETWEEN and IN, each perhaps behind NOT.
    fn membership(&mut self, kind: Kind) -> Result<(), FilterError> {
        let not = self.keyword("NOT")?;
        if self.keyword("LIKE")? {
            let pattern = self.literal()?;
            let escape = if self.keyword("ESCAPE")? { Some(self.escape()?) } else { None };
            self.program.push(Op::Like(Pattern::new(&pattern, escape)));
        } else if self.keyword("BETWEEN")? {
            self.ordered(kind)?;
            for last in [false, true] {
                let bound = self.sum()?;
                self.ordered(bound)?;
                if !last && !self.keyword("AND")? {
                    return Err(self.error("AND is missing behind BETWEEN"));
                }
            }
            self.program.push(Op::Between);
        } else if self.keyword("IN")? {
            if kind != Kind::Property {
                return Err(self.error("only a property is looked for by IN"));
            }
            let texts = self.texts()?;
            self.program.push(Op::In(texts));
        } else {
            return Err(self.error("LIKE, BETWEEN or IN is missing behind NOT"));
        }
        self.negate_if(not);
        Ok(())
    }

    /// A text between quotes, as it is meant.
    fn literal(&mut self) -> Result<String, FilterError> {
        match self.advance()? {
            Token::Text(text) => Ok(text.replace("''", "'")),
            _ => Err(self.error("a text between quotes is missing")),
        }
    }

    /// One UTF-16 unit.
    fn escape(&mut self) -> Result<char, FilterError> {
        let text = self.literal()?;
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(one), None) if one.len_utf16() == 1 => Ok(one),
            _ => Err(self.error("ESCAPE wants one character")),
        }
    }

    fn texts(&mut self) -> Result<Box<[crate::simple_string::SimpleString]>, FilterError> {
        if !self.sign("(")? {
            return Err(self.error("a bracket is missing behind IN"));
        }
        let mut texts = vec![self.literal()?.as_str().into()];
        while self.sign(",")? {
            texts.push(self.literal()?.as_str().into());
        }
        if !self.sign(")")? {
            return Err(self.error("a bracket is missing"));
        }
        texts.sort_unstable();
        Ok(texts.into())
    }

    fn sum(&mut self) -> Parsed {
        let mut kind = self.product()?;
        loop {
            let op = match self.next {
                Token::Sign("+") => Op::Add,
                Token::Sign("-") => Op::Subtract,
                _ => return Ok(kind),
            };
            self.advance()?;
            self.product()?;
            self.program.push(op);
            kind = Kind::Computed;
        }
    }

    fn product(&mut self) -> Parsed {
        let mut kind = self.signed()?;
        loop {
            let op = match self.next {
                Token::Sign("*") => Op::Multiply,
                Token::Sign("/") => Op::Divide,
                Token::Sign("%") => Op::Remainder,
                _ => return Ok(kind),
            };
            self.advance()?;
            self.signed()?;
            self.program.push(op);
            kind = Kind::Computed;
        }
    }

    /// Signs, NOT and brackets are what nests.
    fn signed(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > limits::FILTER_DEPTH_MAX {
            return Err(self.error("it is too deeply nested"));
        }
        let kind = match self.next {
            Token::Sign("+") => {
                self.advance()?;
                self.signed()?
            }
            Token::Sign("-") => {
                self.advance()?;
                self.signed()?;
                self.program.push(Op::Negate);
                Kind::Computed
            }
            Token::Keyword("NOT") => {
                self.advance()?;
                let kind = self.signed()?;
                self.condition(kind)?;
                self.program.push(Op::Not);
                Kind::Condition
            }
            _ => self.primary()?,
        };
        self.depth -= 1;
        Ok(kind)
    }

    fn primary(&mut self) -> Parsed {
        let (constant, kind) = match self.next {
            Token::Text(_) => (Constant::Text(self.literal()?.as_str().into()), Kind::Text),
            Token::Integer(number) => (Constant::Integer(number), Kind::Number),
            Token::Float(number) => (Constant::Float(number), Kind::Number),
            Token::Keyword("TRUE") => (Constant::Bool(true), Kind::Truth),
            Token::Keyword("FALSE") => (Constant::Bool(false), Kind::Truth),
            Token::Keyword("NULL") => (Constant::Null, Kind::Null),
            Token::Name(name) => {
                self.advance()?;
                self.program.push(Op::Operand(self.operands.len()));
                self.operands.push(Operand::named(name));
                return Ok(Kind::Property);
            }
            Token::Sign("(") => {
                self.advance()?;
                let kind = self.disjunction()?;
                return if self.sign(")")? { Ok(kind) } else { Err(self.error("a bracket is missing")) };
            }
            _ => return Err(self.error("a value is missing")),
        };
        if kind != Kind::Text {
            self.advance()?;
        }
        self.program.push(Op::Constant(constant));
        Ok(kind)
    }
}
