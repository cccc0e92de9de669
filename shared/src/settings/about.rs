//! What settings there are, what they are now, and what is wrong with them: for people.

use super::{
    DEFAULT, Overrides, SettingsError,
    sources::{Sources, check_together, is_secret, variable},
};

/// What stands for the value of a secret that is set.
const MASK: &str = "********";

/// A setting that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its key, such as `session.ttl`.
    pub key: String,
    /// Its environment variable.
    pub variable: String,
    /// Its default; empty = not set.
    pub default: String,
    /// Whether `{variable}_FILE` may name a file that holds it, and its value is shown to nobody.
    pub secret: bool,
    /// What it is for. Settings that are explained together have it at the first of them.
    pub about: Vec<String>,
}

/// All settings, in the order of `default.toml`.
#[must_use]
pub fn about() -> Vec<About> {
    let mut settings = Vec::new();
    let (mut section, mut comment) = (String::new(), Vec::new());
    for line in DEFAULT.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(without_names(text.trim()).to_owned());
        } else if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((name, default)) = line.split_once('=') {
            let key = format!("{section}{}", name.trim());
            settings.push(About {
                variable: variable(&key),
                default: default.trim().trim_matches('"').to_owned(),
                secret: is_secret(&key),
                about: std::mem::take(&mut comment),
                key,
            });
        } else {
            comment.clear();
        }
    }
    settings
}

/// A comment without the `[NAME]`s before it.
fn without_names(text: &str) -> &str {
    let mut text = text;
    while let Some((_, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        text = rest.trim_start();
    }
    text
}

/// What a setting is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Its key.
    pub key: String,
    /// Its value as written; of a secret, only whether it is set.
    pub value: String,
    /// Where the value comes from.
    pub source: String,
}

/// What all settings are now, wrong values included.
pub fn effective(overrides: &Overrides) -> Result<Vec<Effective>, SettingsError> {
    let mut sources = Sources::read(overrides)?;
    if !sources.problems.is_empty() {
        return Err(sources.problems.remove(0));
    }
    let mut values = sources.values()?;
    let effective = |about: About| {
        let (text, source) = values.remove(&about.key)?;
        let value = if about.secret && !text.is_empty() { MASK.to_owned() } else { text };
        Some(Effective { key: about.key, value, source })
    };
    Ok(about().into_iter().filter_map(effective).collect())
}

/// Everything that would keep `serve` from starting with these settings.
pub fn findings(overrides: &Overrides) -> Vec<SettingsError> {
    let read = || {
        let sources = Sources::read(overrides)?;
        let (values, wrong) = (sources.values()?, sources.wrong_values()?);
        Ok((sources.problems, values, wrong))
    };
    let (mut findings, values, wrong) = match read() {
        Ok(read) => read,
        Err(error) => return vec![error],
    };
    findings.extend(wrong);
    let is_set = |key: &str| values.get(key).is_some_and(|(text, _)| !text.is_empty());
    findings.extend(check_together(is_set).err());
    for (key, name, why) in [
        ("whatsapp.verify_token", "WHATSAPP_WEBHOOK_VERIFY_TOKEN", "Meta says it when it verifies the callback URL"),
        ("whatsapp.app_secret", "WHATSAPP_APP_SECRET", "callbacks are signed with it"),
    ] {
        if !is_set(key) {
            findings.push(SettingsError::Missing { name, why });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(environment: &[(&str, &str)]) -> Overrides {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Overrides { environment: Some(environment), no_file: true, ..Overrides::default() }
    }

    #[test]
    fn every_setting_is_described_once_with_its_variable_and_default() {
        let mut keys: Vec<String> = about().into_iter().map(|about| about.key).collect();
        let mut known: Vec<String> = Sources::read(&with(&[])).unwrap().values().unwrap().into_keys().collect();
        keys.sort();
        known.sort();
        assert_eq!(keys, known);
        let of = |key: &str| about().into_iter().find(|about| about.key == key).unwrap();
        let ttl = of("session.ttl");
        assert_eq!((ttl.variable.as_str(), ttl.default.as_str(), ttl.secret), ("SESSION_TTL", "24h", false));
        assert_eq!(ttl.about, ["A session lives this long after it last moved."]);
        assert_eq!(of("worker.batch").variable, "FLOW_RUNNER__WORKER__BATCH");
        assert!(of("whatsapp.app_secret").secret);
    }

    #[test]
    fn a_value_is_shown_with_its_source_and_a_secret_is_not_shown() {
        let overrides = with(&[("SESSION_TTL", "2h"), ("WHATSAPP_APP_SECRET", "hush")]);
        let shown = effective(&overrides.with("listen", "127.0.0.1:1", "--listen")).unwrap();
        let of = |key: &str| shown.iter().find(|shown| shown.key == key).unwrap();
        assert_eq!(of("session.ttl").source, "environment variable SESSION_TTL");
        assert_eq!((of("listen").value.as_str(), of("listen").source.as_str()), ("127.0.0.1:1", "--listen"));
        assert_eq!((of("partitions").value.as_str(), of("partitions").source.as_str()), ("16", "default"));
        assert_eq!((of("whatsapp.app_secret").value.as_str(), of("admin_key").value.as_str()), (MASK, ""));
    }

    #[test]
    fn all_that_is_wrong_is_found_at_once() {
        let overrides = with(&[
            ("SESSION_TTL", "soon"),
            ("FLOW_RUNNER_PARTITIONS", "many"),
            ("FLOW_RUNNER__SEND__ATEMPTS", "3"),
            ("WHATSAPP_PHONE_NUMBER_ID", "1"),
            ("WHATSAPP_APP_SECRET_FILE", "/nowhere/at/all"),
        ]);
        let found: Vec<String> = findings(&overrides).iter().map(ToString::to_string).collect();
        let names = [
            "send.atempts",
            "/nowhere/at/all",
            "FLOW_RUNNER_PARTITIONS",
            "SESSION_TTL",
            "belong together",
            "WHATSAPP_WEBHOOK_VERIFY_TOKEN",
            "WHATSAPP_APP_SECRET",
        ];
        assert_eq!(found.len(), names.len(), "{found:#?}");
        assert!(names.iter().all(|name| found.iter().any(|text| text.contains(name))), "{found:#?}");
        let whole = with(&[("WHATSAPP_WEBHOOK_VERIFY_TOKEN", "v"), ("WHATSAPP_APP_SECRET", "s")]);
        assert!(findings(&whole).is_empty());
    }
}
