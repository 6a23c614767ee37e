//! Recursive descent, types checked on the way up.

use std::ops::Range;

use facts::{
    Expression,
    expression::{Argument, Kind, Operator, Value},
};

use super::{
    Asked, decided,
    functions::{self, Word},
    lexer::{self, Lexeme, Token},
};
use crate::{codes, mistake::Mistake, scope::Scope, text::Text};

const COMPARISONS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];
const SUMS: [(&str, Operator); 2] = [("+", Operator::Add), ("-", Operator::Subtract)];
const PRODUCTS: [(&str, Operator); 2] = [("*", Operator::Multiply), ("/", Operator::Divide)];
const BOTH: [(&str, Operator); 1] = [("&&", Operator::And)];
const EITHER: [(&str, Operator); 1] = [("||", Operator::Or)];

pub(super) fn parse(text: &Text, scope: &Scope, asked: Asked) -> Result<Expression, Mistake> {
    let mut parser = parser(text, scope, asked)?;
    let whole = parser.either()?;
    parser.end()?;
    truth(text, whole)
}

/// `condition within 500ms`: the condition, its bytes, and the nanoseconds (none: 0).
pub(super) fn bounded(text: &Text, scope: &Scope) -> Result<(Expression, Range<usize>, f64), Mistake> {
    let mut parser = parser(text, scope, Asked::Live)?;
    let whole = parser.either()?;
    let span = whole.span.clone();
    let nanos = parser.within()?;
    parser.end()?;
    Ok((truth(text, whole)?, span, nanos))
}

fn parser<'a>(text: &'a Text, scope: &'a Scope, asked: Asked) -> Result<Parser<'a>, Mistake> {
    Ok(Parser { tokens: lexer::tokens(text)?, next: 0, text, scope, asked, depth: 0, operators: 0 })
}

fn truth(text: &Text, whole: Typed) -> Result<Expression, Mistake> {
    if whole.kind != Kind::Truth {
        let message = format!("this is {}, not a yes or no", a(whole.kind));
        return Err(Mistake::new(codes::WRONG_KIND, &text.part(whole.span), message)
            .help("compare it, as in `lost == 0`"));
    }
    Ok(whole.expression)
}

/// Parentheses deeper than this are a mistake, not a need.
const DEEPEST: u32 = 64;
/// More operators than this in one line are a mistake, too: whoever evaluates them goes one call deeper for each.
const MOST_OPERATORS: u32 = 200;

struct Typed {
    expression: Expression,
    kind: Kind,
    span: Range<usize>,
}

struct Parser<'a> {
    tokens: Vec<Token>,
    next: usize,
    text: &'a Text,
    scope: &'a Scope,
    asked: Asked,
    depth: u32,
    operators: u32,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }

    fn take(&mut self) -> Token {
        let token = self.tokens[self.next].clone();
        if token.lexeme != Lexeme::End {
            self.next += 1;
        }
        token
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let there = matches!(&self.peek().lexeme, Lexeme::Symbol(next) if *next == symbol);
        self.next += usize::from(there);
        there
    }

    fn take_operator(&mut self, among: &[(&str, Operator)]) -> Option<Operator> {
        let Lexeme::Symbol(symbol) = self.peek().lexeme else { return None };
        let (_, operator) = among.iter().find(|(known, _)| *known == symbol)?;
        self.next += 1;
        Some(*operator)
    }

    fn unexpected(&self, token: &Token, wanted: &str) -> Mistake {
        let found = match token.lexeme {
            Lexeme::End => "the expression ends".to_owned(),
            _ => format!("found `{}`", &self.text.as_str()[token.span.clone()]),
        };
        let message = format!("{found} where {wanted} was expected");
        Mistake::new(codes::BAD_EXPRESSION, &self.text.part(token.span.clone()), message)
    }

    fn end(&self) -> Result<(), Mistake> {
        let rest = self.peek();
        match rest.lexeme {
            Lexeme::End => Ok(()),
            _ => Err(self.unexpected(rest, "an operator or the end")),
        }
    }

    /// `within 500ms`, if it is there.
    fn within(&mut self) -> Result<f64, Mistake> {
        if self.peek().lexeme != Lexeme::Word("within".into()) {
            return Ok(0.0);
        }
        self.next += 1;
        let token = self.take();
        match token.lexeme {
            Lexeme::Number(Value::Duration(nanos)) => Ok(nanos),
            _ => Err(self.unexpected(&token, "a duration such as `500ms`")),
        }
    }

    fn either(&mut self) -> Result<Typed, Mistake> {
        self.chain(&EITHER, Parser::both)
    }

    fn both(&mut self) -> Result<Typed, Mistake> {
        self.chain(&BOTH, Parser::comparison)
    }

    /// One comparison: `a < b < c` means something else in every language, so here it is a mistake.
    fn comparison(&mut self) -> Result<Typed, Mistake> {
        let left = self.sum()?;
        match self.take_operator(&COMPARISONS) {
            Some(operator) => {
                let right = self.sum()?;
                self.binary(operator, left, right)
            }
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Typed, Mistake> {
        self.chain(&SUMS, Parser::product)
    }

    fn product(&mut self) -> Result<Typed, Mistake> {
        self.chain(&PRODUCTS, Parser::unary)
    }

    fn chain(
        &mut self,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self) -> Result<Typed, Mistake>,
    ) -> Result<Typed, Mistake> {
        let mut left = operand(self)?;
        while let Some(operator) = self.take_operator(operators) {
            self.count_operator()?;
            let right = operand(self)?;
            left = self.binary(operator, left, right)?;
        }
        Ok(left)
    }

    fn count_operator(&mut self) -> Result<(), Mistake> {
        self.operators += 1;
        if self.operators <= MOST_OPERATORS {
            return Ok(());
        }
        let here = self.text.part(self.peek().span.clone());
        let message = format!("more than {MOST_OPERATORS} operators in one line");
        Err(Mistake::new(codes::BAD_EXPRESSION, &here, message).help("make several lines of it"))
    }

    fn unary(&mut self) -> Result<Typed, Mistake> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let here = self.text.part(self.peek().span.clone());
            return Err(Mistake::new(codes::BAD_EXPRESSION, &here, "nested too deeply"));
        }
        let start = self.peek().span.start;
        let typed = if self.take_symbol("!") { self.negation(start) } else { self.primary() };
        self.depth -= 1;
        typed
    }

    fn negation(&mut self, start: usize) -> Result<Typed, Mistake> {
        let inner = self.unary()?;
        if inner.kind != Kind::Truth {
            let message = format!("`!` turns a yes or no around; this is {}", a(inner.kind));
            return Err(Mistake::new(codes::WRONG_KIND, &self.text.part(inner.span), message));
        }
        let span = start..inner.span.end;
        Ok(Typed { expression: Expression::Not(Box::new(inner.expression)), kind: Kind::Truth, span })
    }

    fn primary(&mut self) -> Result<Typed, Mistake> {
        let token = self.take();
        match &token.lexeme {
            Lexeme::Number(value) => {
                Ok(Typed { expression: Expression::Literal(*value), kind: value.kind(), span: token.span })
            }
            Lexeme::Word(name) => self.call(name, token.span.clone()),
            Lexeme::Symbol("(") => {
                let inner = self.either()?;
                let close = self.take();
                if close.lexeme != Lexeme::Symbol(")") {
                    return Err(self.unexpected(&close, "`)`"));
                }
                Ok(Typed { span: token.span.start..close.span.end, ..inner })
            }
            _ => Err(self.unexpected(&token, "a number, a question or `(`")),
        }
    }

    fn call(&mut self, name: &str, at: Range<usize>) -> Result<Typed, Mistake> {
        let Some(row) = functions::find(name) else {
            let message = format!("`{name}` cannot be asked of a run");
            return Err(Mistake::new(codes::UNKNOWN_FUNCTION, &self.text.part(at), message)
                .known(name, functions::function_names()));
        };
        let words = if self.take_symbol("(") { self.words()? } else { Vec::new() };
        let end = self.tokens[self.next - 1].span.end;
        if self.asked == Asked::Live && !row.is_live() {
            let message = format!("`{name}` is not known while the run goes on");
            return Err(Mistake::new(codes::NOT_KNOWN_YET, &self.text.part(at), message)
                .label("counted after the run")
                .help("put it into `expect.finally`"));
        }
        if self.asked == Asked::Measured && !row.is_measured() {
            let message = format!("`{name}` is not measured while the run goes on");
            return Err(Mistake::new(codes::NOT_KNOWN_YET, &self.text.part(at), message));
        }
        let span = at.start..end;
        let arguments = functions::arguments(&row, &words, span.clone(), self.text, self.scope)?;
        let has_phase = arguments.iter().any(|argument| matches!(argument, Argument::Phases { .. }));
        if self.asked == Asked::Measured && has_phase {
            let message = "a measurement is about the requests since the one before, not about a phase";
            return Err(Mistake::new(codes::WRONG_ARGUMENTS, &self.text.part(span), message));
        }
        Ok(Typed { expression: Expression::Call { function: row.function, arguments }, kind: row.kind, span })
    }

    /// Arguments up to the closing parenthesis.
    fn words(&mut self) -> Result<Vec<Word>, Mistake> {
        let mut words = Vec::new();
        if self.take_symbol(")") {
            return Ok(words);
        }
        loop {
            let (text, span) = self.word()?;
            let until = if self.take_symbol("..") { Some(self.word()?) } else { None };
            words.push(Word { text, span, until });
            if self.take_symbol(")") {
                return Ok(words);
            }
            if !self.take_symbol(",") {
                let token = self.peek().clone();
                return Err(self.unexpected(&token, "`,` or `)`"));
            }
        }
    }

    fn word(&mut self) -> Result<(String, Range<usize>), Mistake> {
        let token = self.take();
        match token.lexeme {
            Lexeme::Word(text) => Ok((text, token.span)),
            _ => Err(self.unexpected(&token, "a name")),
        }
    }

    fn binary(&self, operator: Operator, left: Typed, right: Typed) -> Result<Typed, Mistake> {
        let span = left.span.start..right.span.end;
        let Some(kind) = kind_of(operator, left.kind, right.kind) else {
            let message = format!("{} and {} do not fit together here", a(left.kind), a(right.kind));
            let mistake = Mistake::new(codes::WRONG_KIND, &self.text.part(span), message);
            return Err(match (left.kind, right.kind) {
                (Kind::Duration, Kind::Number) | (Kind::Number, Kind::Duration) => {
                    mistake.help("a duration needs its unit: `250ms`, `2s`")
                }
                (Kind::Pid, Kind::Number) | (Kind::Number, Kind::Pid) => mistake.help(
                    "a pid that is not there equals nothing: `oldbin(web) != oldbin(web)` is true of none",
                ),
                _ => mistake,
            });
        };
        if let Some(why) = decided::decided(operator, &left.expression, &right.expression) {
            let message = format!("this does not depend on the run: {why}");
            return Err(Mistake::new(codes::DECIDED, &self.text.part(span), message)
                .help("a line that cannot be both true and false proves nothing"));
        }
        let (left, right) = (Box::new(left.expression), Box::new(right.expression));
        Ok(Typed { expression: Expression::Binary { operator, left, right }, kind, span })
    }
}

/// The kind of `left operator right`; `None` when they do not fit. Mirrors `facts::expression::evaluate`.
fn kind_of(operator: Operator, left: Kind, right: Kind) -> Option<Kind> {
    use Kind::{Duration, Number, Pid, Truth};
    match (operator, left, right) {
        (Operator::And | Operator::Or, Truth, Truth) => Some(Truth),
        (Operator::Equal | Operator::NotEqual, Pid, Pid) => Some(Truth),
        (
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual,
            Number,
            Number,
        ) => Some(Truth),
        (
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual,
            Duration,
            Duration,
        ) => Some(Truth),
        (Operator::Add | Operator::Subtract, Number, Number) => Some(Number),
        (Operator::Add | Operator::Subtract, Duration, Duration) => Some(Duration),
        (Operator::Multiply | Operator::Divide, Number, Number) => Some(Number),
        (Operator::Multiply, Duration, Number) | (Operator::Multiply, Number, Duration) => Some(Duration),
        (Operator::Divide, Duration, Number) => Some(Duration),
        (Operator::Divide, Duration, Duration) => Some(Number),
        _ => None,
    }
}

fn a(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number",
        Kind::Duration => "a duration",
        Kind::Truth => "a yes or no",
        Kind::Pid => "a pid",
    }
}

#[cfg(test)]
mod tests {
    use facts::expression::{Function, Source, evaluate};

    use super::*;

    struct Nobody;
    impl Source for Nobody {
        fn call(&self, _: Function, _: &[Argument]) -> Result<Value, String> {
            Err("nobody looked".into())
        }
    }

    const VALUES: [Value; 5] = [
        Value::Number(2.0),
        Value::Duration(2.0),
        Value::Truth(true),
        Value::Pid(Some(2)),
        Value::Generation(2),
    ];

    /// What the type check promises is what evaluation does.
    #[test]
    fn a_well_typed_expression_has_a_value_of_its_kind() {
        let tables = [COMPARISONS.as_slice(), &SUMS, &PRODUCTS, &BOTH, &EITHER];
        for (symbol, operator) in tables.into_iter().flatten() {
            for (left, right) in VALUES.iter().flat_map(|left| VALUES.map(|right| (*left, right))) {
                let Some(kind) = kind_of(*operator, left.kind(), right.kind()) else { continue };
                let (left, right) = (Expression::Literal(left).into(), Expression::Literal(right).into());
                let value = evaluate(&Expression::Binary { operator: *operator, left, right }, &Nobody);
                assert_eq!(value.map(Value::kind), Ok(kind), "{symbol}");
            }
        }
    }
}
