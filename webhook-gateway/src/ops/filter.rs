//! Which dead letters a request means: as a query, or as an object in its body.

use crate::problem::Problem;
use serde_json::{Map, Value};
use shared::{
    Timestamp,
    operator::Moment,
    ports::{
        dead_letters::{GroupBy, LetterFilter, LetterKind, LetterState},
        listing::Page,
    },
};

/// Letters in one answer, unless asked for otherwise, and at most.
const LIMIT: u32 = 50;
const MOST: u32 = 1_000;

/// What a query asks for.
#[derive(Default)]
pub(super) struct Query {
    pub filter: LetterFilter,
    pub page: Option<Page>,
    pub by: Vec<GroupBy>,
}

/// Reads a query; open letters are meant unless `state` says otherwise.
pub(super) fn query(pairs: Vec<(String, String)>, now: Timestamp) -> Result<Query, Problem> {
    let mut fields = Map::new();
    let (mut limit, mut after, mut by) = (LIMIT, None, Vec::new());
    let mut state = Some(LetterState::Open);
    for (name, value) in pairs {
        match name.as_str() {
            "limit" => {
                let asked = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                limit = asked.ok_or_else(|| invalid("limit", &format!("limit is between 1 and {MOST}")))?;
            }
            "cursor" => after = Some(value),
            "by" => by = groups(&value)?,
            "state" if value == "all" => state = None,
            "state" => state = Some(one_of("state", &value, LetterState::parse)?),
            _ => drop(fields.insert(name, value.into())),
        }
    }
    let filter = LetterFilter { state, ..filter(&fields, "", now)? };
    Ok(Query { filter, page: Some(Page { limit, after }), by })
}

fn groups(text: &str) -> Result<Vec<GroupBy>, Problem> {
    text.split(',').map(|word| one_of("by", word.trim(), GroupBy::parse)).collect()
}

/// Reads an object of filters, which stands at `path`.
pub(super) fn filter(fields: &Map<String, Value>, path: &str, now: Timestamp) -> Result<LetterFilter, Problem> {
    let mut filter = LetterFilter::default();
    for (name, value) in fields {
        let place = format!("{path}/{name}");
        if value.is_null() {
            continue;
        }
        if name == "code" {
            let code = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
            filter.code = Some(code.ok_or_else(|| invalid(&place, "code is Meta's error code, a number"))?);
            continue;
        }
        let text = value.as_str().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| invalid(&place, "a text with something in it was expected"))?;
        let moment = || text.parse::<Moment>().map(|moment| moment.seen_from(now)).map_err(|why| invalid(&place, &why));
        match name.as_str() {
            "kind" => filter.kind = Some(one_of(&place, text, LetterKind::parse)?),
            "state" => filter.state = Some(one_of(&place, text, LetterState::parse)?),
            "reason" => filter.reason = Some(text.to_owned()),
            "account" => filter.account = Some(text.into()),
            "phoneNumberId" => filter.number = Some(text.into()),
            "recipient" => filter.recipient = Some(text.trim().trim_start_matches('+').to_owned()),
            "flow" => filter.flow = Some(text.into()),
            "step" => filter.step = Some(text.into()),
            "since" => filter.since = Some(moment()?),
            "until" => filter.until = Some(moment()?),
            "q" => filter.text = Some(text.to_owned()),
            _ => return Err(invalid(&place, "there is no such filter")),
        }
    }
    Ok(filter)
}

fn one_of<T>(place: &str, word: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Problem> {
    parse(word).ok_or_else(|| invalid(place, &format!("{word:?} is none of the words that are possible here")))
}

pub(super) fn invalid(path: &str, message: &str) -> Problem {
    Problem::fault(path, "invalid_value", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn read(fields: Value) -> Result<LetterFilter, Problem> {
        filter(fields.as_object().expect("an object"), "/filter", NOW)
    }

    #[test]
    fn a_code_is_a_number_or_a_text() {
        for code in [json!(131_026), json!("131026")] {
            assert_eq!(read(json!({ "code": code })).unwrap().code, Some(131_026));
        }
    }

    #[test]
    fn what_can_not_be_read_is_refused_with_its_place() {
        for (fields, place) in [
            (json!({ "code": "x" }), "/filter/code"),
            (json!({ "reason": 1 }), "/filter/reason"),
            (json!({ "kind": "letter" }), "/filter/kind"),
            (json!({ "since": "yesterday" }), "/filter/since"),
            (json!({ "colour": "red" }), "/filter/colour"),
        ] {
            let problem = format!("{:?}", read(fields).unwrap_err());
            assert!(problem.contains(place), "{problem}");
        }
    }

    #[test]
    fn open_letters_are_meant_unless_said_otherwise() {
        let state = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            query(pairs, NOW).unwrap().filter.state
        };
        assert_eq!(state(&[]), Some(LetterState::Open));
        assert_eq!(state(&[("state", "replayed")]), Some(LetterState::Replayed));
        assert_eq!(state(&[("state", "all"), ("since", "2h")]), None);
    }
}
