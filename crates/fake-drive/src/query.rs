//! The language of `q`, as far as it is used: `'id' in parents`, `name = 'x'`, `mimeType = 'x'`, `trashed = false`, with `!=`, `and`,
//! `or`, `not` and brackets. What is not understood is refused.

use std::iter::Peekable;
use std::vec::IntoIter;

use crate::world::File;

#[derive(Debug, PartialEq)]
pub enum Query {
    All,
    In(String),
    Is(Field, String),
    Not(Box<Query>),
    And(Vec<Query>),
    Or(Vec<Query>),
}

#[derive(Debug, PartialEq)]
pub enum Field {
    Name,
    Mime,
    Trashed,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Sign(String),
}

impl Query {
    pub fn all() -> Query {
        Query::All
    }

    pub fn parse(text: &str) -> Result<Query, String> {
        let mut tokens = tokens(text)?.into_iter().peekable();
        let query = either(&mut tokens)?;
        match tokens.next() {
            None => Ok(query),
            Some(token) => Err(format!("Invalid Value: {token:?}")),
        }
    }

    pub fn matches(&self, file: &File, trashed: bool, home: &str) -> bool {
        match self {
            Query::All => true,
            Query::In(parent) => file.parent == if parent == "root" { home } else { parent },
            Query::Is(Field::Name, name) => file.name == *name,
            Query::Is(Field::Mime, mime) => file.mime == *mime,
            Query::Is(Field::Trashed, value) => trashed.to_string() == *value,
            Query::Not(query) => !query.matches(file, trashed, home),
            Query::And(all) => all.iter().all(|query| query.matches(file, trashed, home)),
            Query::Or(all) => all.iter().any(|query| query.matches(file, trashed, home)),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&c) = rest.peek() {
        if c.is_whitespace() {
            rest.next();
        } else if c == '\'' {
            rest.next();
            let mut value = String::new();
            loop {
                match rest.next() {
                    Some('\'') => break,
                    Some('\\') => value.extend(rest.next()),
                    Some(c) => value.push(c),
                    None => return Err("Invalid Value: a text does not end".into()),
                }
            }
            found.push(Token::Text(value));
        } else if "()=!".contains(c) {
            rest.next();
            let mut sign = c.to_string();
            if c == '!' && rest.next_if_eq(&'=').is_some() {
                sign.push('=');
            }
            found.push(Token::Sign(sign));
        } else {
            let mut word = String::new();
            while let Some(c) = rest.next_if(|c| c.is_alphanumeric()) {
                word.push(c);
            }
            if word.is_empty() {
                return Err(format!("Invalid Value: {c:?}"));
            }
            found.push(Token::Word(word));
        }
    }
    Ok(found)
}

type Tokens = Peekable<IntoIter<Token>>;

fn either(tokens: &mut Tokens) -> Result<Query, String> {
    let mut all = vec![both(tokens)?];
    while tokens.next_if(|token| *token == Token::Word("or".into())).is_some() {
        all.push(both(tokens)?);
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Query::Or(all) })
}

fn both(tokens: &mut Tokens) -> Result<Query, String> {
    let mut all = vec![one(tokens)?];
    while tokens.next_if(|token| *token == Token::Word("and".into())).is_some() {
        all.push(one(tokens)?);
    }
    Ok(if all.len() == 1 { all.remove(0) } else { Query::And(all) })
}

fn one(tokens: &mut Tokens) -> Result<Query, String> {
    let is_sign = |token: &Token, sign: &str| *token == Token::Sign(sign.into());
    match tokens.next() {
        Some(token) if is_sign(&token, "(") => {
            let query = either(tokens)?;
            match tokens.next() {
                Some(token) if is_sign(&token, ")") => Ok(query),
                _ => Err("Invalid Value: a bracket stays open".into()),
            }
        }
        Some(Token::Word(word)) if word == "not" => Ok(Query::Not(Box::new(one(tokens)?))),
        Some(Token::Text(parent)) => match (tokens.next(), tokens.next()) {
            (Some(Token::Word(within)), Some(Token::Word(parents))) if within == "in" && parents == "parents" => {
                Ok(Query::In(parent))
            }
            _ => Err("Invalid Value: after a text".into()),
        },
        Some(Token::Word(word)) => {
            let field = match word.as_str() {
                "name" => Field::Name,
                "mimeType" => Field::Mime,
                "trashed" => Field::Trashed,
                _ => return Err(format!("Invalid Value: {word}")),
            };
            let Some(Token::Sign(sign)) = tokens.next() else { return Err("Invalid Value: no comparison".into()) };
            let value = match (&field, tokens.next()) {
                (Field::Trashed, Some(Token::Word(value))) if value == "true" || value == "false" => value,
                (Field::Name | Field::Mime, Some(Token::Text(value))) => value,
                _ => return Err(format!("Invalid Value: after {word}")),
            };
            match sign.as_str() {
                "=" => Ok(Query::Is(field, value)),
                "!=" => Ok(Query::Not(Box::new(Query::Is(field, value)))),
                _ => Err(format!("Invalid Value: {sign}")),
            }
        }
        other => Err(format!("Invalid Value: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_drive_documents_it() {
        let query = Query::parse("name = 'it\\'s' and ('a' in parents or 'b' in parents) and trashed=false").unwrap();
        let Query::And(all) = query else { panic!("{query:?}") };
        assert_eq!(all[0], Query::Is(Field::Name, "it's".into()));
        assert_eq!(all[1], Query::Or(vec![Query::In("a".into()), Query::In("b".into())]));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in
            ["name", "name = x", "('a' in parents", "starred = true", "'a' in owners", "name = 'x", "name ? 'x'"]
        {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }
}
