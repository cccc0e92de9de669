//! Flow files: the original's document `{id, name, status, date, triggers, steps}`, or what the API answers.

use anyhow::{Context, bail};
use flow_engine::{
    Catalog, Flow, FlowId, FlowStatus, FlowVersion, Timestamp, VersionId, parse_triggers,
    validate::{self, Finding, Given, Report},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{operator::iso, ports::flows::FlowRecord};
use std::{collections::HashSet, fmt, fs, io::Read as _, path::Path};

/// One flow of a file, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// Kept when it is imported; drawn when there is none.
    pub id: Option<String>,
    /// For people.
    pub name: String,
    /// `INACTIVE` where none is given.
    pub status: FlowStatus,
    /// An array of strings as a JSON text.
    pub trigger: String,
    /// An array of steps.
    pub steps: Value,
    /// Who may start it; only taken when asked for.
    pub recipients: Option<Value>,
    /// Where it stands.
    pub origin: Origin,
}

/// Where a flow stands, so that what is said of it leads there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Origin {
    /// The file; `-` is standard input.
    pub file: String,
    /// JSON pointer to the flow in the file: empty where it is all that the file holds.
    place: String,
    /// The name that the steps have there.
    steps: String,
    /// The name that the triggers have there.
    triggers: String,
}

/// Something that no flow can be made of.
#[derive(Debug)]
pub struct Refused {
    /// The file it stands in.
    pub file: String,
    /// Its name, where it has one.
    pub name: Value,
    /// Why, with JSON pointers into the file.
    pub faults: Vec<Finding>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds something that is no flow", self.file)?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n    {}: {}", fault.path, fault.message))
    }
}

impl std::error::Error for Refused {}

impl Origin {
    fn new(file: &str, place: String) -> Self {
        Self { file: file.to_owned(), place, steps: "steps".into(), triggers: "triggers".into() }
    }

    /// The finding with a path into the file in place of one into the API's form.
    fn locate(&self, finding: Finding) -> Finding {
        let (path, place) = (&finding.path, &self.place);
        let path = match (path.strip_prefix("/automationJson"), path.strip_prefix("/trigger")) {
            (Some(rest), _) => format!("{place}/{}{rest}", self.steps),
            (None, Some(rest)) => format!("{place}/{}{rest}", self.triggers),
            (None, None) => format!("{place}{path}"),
        };
        Finding { path, ..finding }
    }
}

impl Document {
    /// Reads a flow in either form.
    fn read(value: Value, file: &str, place: String) -> Result<Self, Refused> {
        let mut origin = Origin::new(file, place);
        let mut fields = match value {
            Value::Object(fields) => fields,
            _ => {
                let fault = Finding::new(origin.place, "wrong_type", "a flow is an object");
                return Err(Refused { file: origin.file, name: Value::Null, faults: vec![fault] });
            }
        };
        let mut faults = Vec::new();
        origin.steps = under_api_name(&mut fields, "steps", "automationJson", &mut faults);
        origin.triggers = under_api_name(&mut fields, "triggers", "trigger", &mut faults);
        let id = id(&fields).map_err(|fault| faults.push(fault)).unwrap_or_default();
        let given = Given::read(&fields).and_then(|given| Ok((given.required()?, given)));
        match given {
            Ok(((name, steps), given)) if faults.is_empty() => Ok(Self {
                id,
                name,
                status: given.status.unwrap_or(FlowStatus::Inactive),
                trigger: given.trigger.unwrap_or_else(|| "[]".into()),
                steps,
                recipients: given.recipients,
                origin,
            }),
            given => {
                faults.extend(given.err().into_iter().flatten());
                let faults = faults.into_iter().map(|fault| origin.locate(fault)).collect();
                Err(Refused { name: fields.remove("name").unwrap_or_default(), file: origin.file, faults })
            }
        }
    }

    /// The flow it makes, as number `row` of those it came with.
    pub fn flow(&self, row: usize, status: FlowStatus) -> Flow {
        let row = i64::try_from(row).unwrap_or(i64::MAX);
        let id = FlowId::from(self.known_as().as_str());
        Flow {
            version: FlowVersion::parse(VersionId(row), id.clone(), &self.steps).into(),
            id,
            status,
            triggers: parse_triggers(&Value::String(self.trigger.clone())),
            recipients: Vec::new(),
            created_at: Timestamp(row),
        }
    }

    /// Its id, or what people find it by in their files.
    fn known_as(&self) -> String {
        let Origin { file, place, .. } = &self.origin;
        self.id.clone().unwrap_or_else(|| format!("{:?} in {file}{place}", self.name))
    }
}

/// Gives a field of the document form the API's name; the name that it has in the file.
fn under_api_name(fields: &mut Map<String, Value>, name: &str, api_name: &str, faults: &mut Vec<Finding>) -> String {
    let is_given = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    match (is_given(name), is_given(api_name)) {
        (true, true) => {
            let text = format!("{name} and {api_name} are two names of one thing: give one of them");
            faults.push(Finding::new(format!("/{api_name}"), "given_twice", text));
        }
        (true, false) => drop(fields.remove(name).map(|value| fields.insert(api_name.to_owned(), value))),
        (false, true) => return api_name.to_owned(),
        (false, false) => {}
    }
    name.to_owned()
}

/// The builder's ids are times in digits, so a number is taken for one.
fn id(fields: &Map<String, Value>) -> Result<Option<String>, Finding> {
    let fault = |code, text: &str| Err(Finding::new("/id", code, text));
    match fields.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if id.trim().is_empty() => {
            fault("missing", "an id is not empty; where it is left out, one is drawn")
        }
        Some(Value::String(id)) if id.contains('\0') => fault("bad_character", "the character U+0000 can't be kept"),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(Value::Number(id)) => Ok(Some(id.to_string())),
        Some(_) => fault("wrong_type", "id must be a string"),
    }
}

/// What is to be said of each document, beside `others` and the other documents.
pub fn check(documents: &[Document], others: &Catalog) -> Vec<Report> {
    let rows = documents.iter().enumerate();
    let flows: Vec<Flow> = rows.map(|(row, document)| document.flow(row + 1, document.status)).collect();
    let replaced: HashSet<FlowId> = flows.iter().map(|flow| flow.id.clone()).collect();
    let beside = others.flows().filter(|flow| !replaced.contains(&flow.id)).cloned();
    let catalog = Catalog::new(beside.chain(flows.iter().cloned()).collect());
    let report = |(flow, own): (&Flow, &Document)| {
        let trigger = Value::String(own.trigger.clone());
        let Report { mut errors, warnings } = validate::check(&flow.id, &trigger, &own.steps, &catalog);
        errors.extend(own.recipients.iter().flat_map(validate::check_recipients));
        let located = |findings: Vec<Finding>| findings.into_iter().map(|one| own.origin.locate(one)).collect();
        Report { errors: located(errors), warnings: located(warnings) }
    };
    flows.iter().zip(documents).map(report).collect()
}

/// What a file (`-` is standard input) holds: one flow, or an array of them. Each that is none is told by itself.
pub fn read(path: &Path) -> anyhow::Result<Vec<Result<Document, Refused>>> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("can't read standard input")?;
        text
    } else {
        fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?
    };
    parse(&text, &path.display().to_string())
}

/// The same for a text that was read from `file`.
pub fn parse(text: &str, file: &str) -> anyhow::Result<Vec<Result<Document, Refused>>> {
    match serde_json::from_str(text).with_context(|| format!("{file} is not JSON"))? {
        Value::Array(items) => {
            let each = items.into_iter().enumerate();
            Ok(each.map(|(index, item)| Document::read(item, file, format!("/{index}"))).collect())
        }
        one @ Value::Object(_) => Ok(vec![Document::read(one, file, String::new())]),
        _ => bail!("{file} holds neither a flow nor an array of flows"),
    }
}

/// A saved flow as a document.
pub fn of(flow: &FlowRecord) -> Value {
    let triggers: Value = serde_json::from_str(&flow.trigger).unwrap_or_else(|_| json!([flow.trigger]));
    json!({
        "id": flow.id,
        "name": flow.name,
        "status": flow.status.as_str().to_ascii_lowercase(),
        "date": iso(flow.updated_at),
        "triggers": triggers,
        "steps": flow.automation,
    })
}
