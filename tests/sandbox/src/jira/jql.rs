//! The part of JQL that a program needs to find its own issues: conditions joined by AND, and an order. No OR, no
//! parentheses around conditions, no history.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::adf;
use super::site::{Issue, Site};

/// What a query means depends on who asks, and when.
pub(super) struct Reader<'a> {
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
    pub(super) caller: &'a str,
    pub(super) site: &'a Site,
}

/// A query.
#[derive(Debug)]
pub(super) struct Jql {
    conditions: Vec<Condition>,
    order: Vec<(Column, Direction)>,
}

#[derive(Debug)]
enum Condition {
    Project(Vec<String>),
    Issue(Vec<String>),
    Creator(String),
    Reporter(String),
    Status(Vec<String>),
    Labels(Vec<String>),
    Created(Comparison, Timestamp),
    Updated(Comparison, Timestamp),
    Text(String),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Before,
    UpTo,
    From,
    After,
}

#[derive(Debug, Clone, Copy)]
enum Column {
    Created,
    Updated,
    Key,
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Up,
    Down,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

impl Jql {
    /// Reads a query; what is wrong with it is told in Jira's words.
    pub(super) fn parse(text: &str, reader: &Reader<'_>) -> Result<Self, String> {
        let mut tokens = Tokens { tokens: tokens(text)?.into_iter().peekable() };
        let mut conditions = Vec::new();
        let mut more = tokens.peek().is_some() && !tokens.next_is("order");
        while more {
            conditions.push(condition(&mut tokens, reader)?);
            more = tokens.take_word("and");
        }
        if conditions.is_empty() {
            return Err(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.".to_owned()
            );
        }
        let order = order(&mut tokens)?;
        match tokens.next() {
            None => Ok(Self { conditions, order }),
            Some(token) => Err(unexpected(Some(&token))),
        }
    }

    pub(super) fn holds(&self, issue: &Issue) -> bool {
        self.conditions.iter().all(|condition| condition.holds(issue))
    }

    /// Newest first where the query names no order.
    pub(super) fn sort(&self, issues: &mut [&Issue]) {
        let default = [(Column::Created, Direction::Down)];
        let order = if self.order.is_empty() { &default[..] } else { &self.order };
        issues.sort_by(|one, other| {
            let mut result = std::cmp::Ordering::Equal;
            for (column, direction) in order {
                let upwards = match column {
                    Column::Created => (one.created, one.id).cmp(&(other.created, other.id)),
                    Column::Updated => (one.updated, one.id).cmp(&(other.updated, other.id)),
                    Column::Key => (&one.project, one.id).cmp(&(&other.project, other.id)),
                };
                result = result.then(match direction {
                    Direction::Up => upwards,
                    Direction::Down => upwards.reverse(),
                });
            }
            result
        });
    }
}

impl Condition {
    fn holds(&self, issue: &Issue) -> bool {
        let labelled = |label: &String| {
            let labels = issue.fields.get("labels").and_then(serde_json::Value::as_array);
            labels.is_some_and(|labels| labels.iter().any(|known| known == label))
        };
        match self {
            Self::Project(keys) => keys.contains(&issue.project),
            Self::Issue(names) => {
                let id = issue.id.to_string();
                names.iter().any(|name| *name == id || name.eq_ignore_ascii_case(&issue.key))
            }
            Self::Creator(id) => issue.creator == *id,
            Self::Reporter(id) => issue.reporter == *id,
            Self::Status(names) => names.iter().any(|name| name.eq_ignore_ascii_case(issue.status.name())),
            Self::Labels(names) => names.iter().any(labelled),
            Self::Created(comparison, time) => comparison.holds(issue.created, *time),
            Self::Updated(comparison, time) => comparison.holds(issue.updated, *time),
            Self::Text(words) => {
                let description = issue.fields.get("description").map(adf::text).unwrap_or_default();
                format!("{}\n{description}", issue.summary).to_lowercase().contains(&words.to_lowercase())
            }
        }
    }
}

impl Comparison {
    fn holds(self, time: Timestamp, limit: Timestamp) -> bool {
        match self {
            Self::Before => time < limit,
            Self::UpTo => time <= limit,
            Self::From => time >= limit,
            Self::After => time > limit,
        }
    }
}

fn condition(tokens: &mut Tokens, reader: &Reader<'_>) -> Result<Condition, String> {
    let field = tokens.word()?;
    let operator = tokens.operator()?;
    let compared = match operator.as_str() {
        "<" => Some(Comparison::Before),
        "<=" => Some(Comparison::UpTo),
        ">=" => Some(Comparison::From),
        ">" => Some(Comparison::After),
        _ => None,
    };
    let name = field.to_lowercase();
    if let "created" | "createddate" | "updated" | "updateddate" = name.as_str() {
        let comparison = compared.ok_or_else(|| does_not_suit(&operator, &field))?;
        let time = time(&tokens.word()?, &field, reader)?;
        let is_created = name.starts_with("created");
        return Ok(if is_created {
            Condition::Created(comparison, time)
        } else {
            Condition::Updated(comparison, time)
        });
    }
    let suits = if matches!(name.as_str(), "text" | "summary") {
        operator == "~"
    } else {
        matches!(operator.as_str(), "=" | "in")
    };
    if !suits {
        return Err(does_not_suit(&operator, &field));
    }
    let mut values = if operator == "in" { tokens.list()? } else { vec![tokens.value()?] };
    match name.as_str() {
        "project" => projects(values, reader).map(Condition::Project),
        "key" | "issuekey" | "id" | "issue" => Ok(Condition::Issue(values)),
        "creator" | "reporter" => {
            let value = values.pop().unwrap_or_default();
            let id = if value.eq_ignore_ascii_case("currentuser()") { reader.caller.to_owned() } else { value };
            Ok(if name == "creator" { Condition::Creator(id) } else { Condition::Reporter(id) })
        }
        "status" => Ok(Condition::Status(values)),
        "labels" => Ok(Condition::Labels(values)),
        "text" | "summary" => Ok(Condition::Text(values.pop().unwrap_or_default())),
        _ => Err(format!("Field '{field}' does not exist or you do not have permission to view it.")),
    }
}

fn projects(values: Vec<String>, reader: &Reader<'_>) -> Result<Vec<String>, String> {
    let known = |value: &String| {
        let named = |name: &str| name.eq_ignore_ascii_case(value);
        reader.site.projects.iter().find(|project| named(&project.key) || named(&project.name) || project.id == *value)
    };
    let missing = |value: &String| format!("The value '{value}' does not exist for the field 'project'.");
    values.iter().map(|value| known(value).map(|project| project.key.clone()).ok_or_else(|| missing(value))).collect()
}

fn order(tokens: &mut Tokens) -> Result<Vec<(Column, Direction)>, String> {
    let mut order = Vec::new();
    if !tokens.take_word("order") {
        return Ok(order);
    }
    if !tokens.take_word("by") {
        return Err(unexpected(tokens.peek()));
    }
    loop {
        let field = tokens.word()?;
        let column = match field.to_lowercase().as_str() {
            "created" | "createddate" => Column::Created,
            "updated" | "updateddate" => Column::Updated,
            "key" | "id" | "issuekey" => Column::Key,
            _ => {
                return Err(format!("Field '{field}' does not exist or you do not have permission to view it."));
            }
        };
        let direction = if tokens.take_word("desc") { Direction::Down } else { Direction::Up };
        tokens.take_word("asc");
        order.push((column, direction));
        if !tokens.take_sign(",") {
            return Ok(order);
        }
    }
}

/// A date in the reader's own zone, to the minute and no finer, or a time before now.
fn time(text: &str, field: &str, reader: &Reader<'_>) -> Result<Timestamp, String> {
    let wrong = || {
        format!(
            "Date value '{text}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', \
            'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
        )
    };
    if let Some(time) = relative(text, reader.now) {
        return Ok(time);
    }
    let text = text.replace('/', "-");
    let with_time = if text.contains(':') { text.clone() } else { format!("{text} 00:00") };
    let local = DateTime::strptime("%Y-%m-%d %H:%M", &with_time).map_err(|_| wrong())?;
    local.to_zoned(reader.zone.clone()).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}

fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (past, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut seconds: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, unit) = rest.split_at_checked(digits)?;
        let mut letters = unit.chars();
        let length = match letters.next()? {
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<i64>().ok()?.checked_mul(length)?)?;
        rest = letters.as_str().trim_start();
    }
    let distance = SignedDuration::from_secs(if past { -seconds } else { seconds });
    now.checked_add(distance).ok()
}

struct Tokens {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Tokens {
    fn peek(&mut self) -> Option<&Token> {
        self.tokens.peek()
    }

    fn next(&mut self) -> Option<Token> {
        self.tokens.next()
    }

    fn next_is(&mut self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.next_is(word);
        if found {
            self.next();
        }
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        if found {
            self.next();
        }
        found
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(text) | Token::Quoted(text)) => Ok(text),
            other @ (Some(Token::Sign(_)) | None) => Err(unexpected(other.as_ref())),
        }
    }

    fn operator(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Sign(sign)) => Ok(sign.to_owned()),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("in") => Ok("in".to_owned()),
            other @ (Some(Token::Word(_) | Token::Quoted(_)) | None) => Err(unexpected(other.as_ref())),
        }
    }

    /// A word, or a function without arguments.
    fn value(&mut self) -> Result<String, String> {
        let word = self.word()?;
        if !self.take_sign("(") {
            return Ok(word);
        }
        if !self.take_sign(")") {
            return Err(unexpected(self.peek()));
        }
        if !word.eq_ignore_ascii_case("currentuser") {
            return Err(format!("Unable to find JQL function '{word}()'."));
        }
        Ok(format!("{word}()"))
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        if !self.take_sign("(") {
            return Err(unexpected(self.peek()));
        }
        let mut values = vec![self.value()?];
        while self.take_sign(",") {
            values.push(self.value()?);
        }
        if self.take_sign(")") { Ok(values) } else { Err(unexpected(self.peek())) }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const SIGNS: [&str; 9] = ["<=", ">=", "<", ">", "=", "~", "(", ")", ","];
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest.strip_prefix(sign).unwrap_or_default();
        } else if first == '"' || first == '\'' {
            let inside = rest.strip_prefix(first).unwrap_or_default();
            let Some((quoted, after)) = inside.split_once(first) else {
                return Err("Error in the JQL Query: The quoted string has not been completed.".to_owned());
            };
            tokens.push(Token::Quoted(quoted.to_owned()));
            rest = after;
        } else {
            let is_end = |letter: char| letter.is_whitespace() || "<>=~(),\"'".contains(letter);
            let (word, after) = rest.split_at_checked(rest.find(is_end).unwrap_or(rest.len())).unwrap_or((rest, ""));
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

fn unexpected(token: Option<&Token>) -> String {
    let found = match token {
        Some(Token::Word(text) | Token::Quoted(text)) => text,
        Some(Token::Sign(sign)) => *sign,
        None => "(end of query)",
    };
    format!("Error in the JQL Query: '{found}' was not expected here.")
}

fn does_not_suit(operator: &str, field: &str) -> String {
    format!("The operator '{operator}' is not supported by the '{field}' field.")
}
