//! Where settings come from, and which of their keys exist.

use super::{DEFAULT, Settings};
use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Plain environment names and the keys they set.
pub(super) const FIXED: [(&str, &str); 26] = [
    ("DATABASE_URL", "database_url"),
    ("AMQP_URL", "amqp_url"),
    ("REDIS_URL", "redis_url"),
    ("FLOW_RUNNER_DATA_DIR", "data_dir"),
    ("FLOW_RUNNER_LISTEN", "listen"),
    ("FLOW_RUNNER_OPS_LISTEN", "ops_listen"),
    ("FLOW_RUNNER_QUEUE_PREFIX", "queue_prefix"),
    ("FLOW_RUNNER_PARTITIONS", "partitions"),
    ("FLOW_RUNNER_MIGRATE", "migrate"),
    ("FLOW_RUNNER_ADMIN_KEY", "admin_key"),
    ("FLOW_RUNNER_ENCRYPTION_KEY", "encryption_key"),
    ("WHATSAPP_WEBHOOK_VERIFY_TOKEN", "whatsapp.verify_token"),
    ("WHATSAPP_APP_SECRET", "whatsapp.app_secret"),
    ("WHATSAPP_API_BASE_URL", "whatsapp.api_base_url"),
    ("WHATSAPP_API_VERSION", "whatsapp.api_version"),
    ("WHATSAPP_PHONE_NUMBER_ID", "whatsapp.phone_number_id"),
    ("WHATSAPP_ACCESS_TOKEN", "whatsapp.access_token"),
    ("FLOW_RUNNER_API_KEY", "whatsapp.api_key"),
    ("WHATSAPP_NUMBER_RATE", "whatsapp.number_rate"),
    ("WHATSAPP_PAIR_RATE", "whatsapp.pair_rate"),
    ("SESSION_TTL", "session.ttl"),
    ("SEND_ATTEMPTS", "send.attempts"),
    ("SEND_MAX_AGE", "send.max_age"),
    ("SEND_CAP_PER_HOUR", "send.cap_per_hour"),
    ("SEND_PACING", "send.pacing"),
    ("UNKNOWN_OUTCOME_POLICY", "send.unknown_outcome_policy"),
];
/// Keys that `NAME_FILE` may give.
const SECRETS: [&str; 9] = [
    "database_url",
    "amqp_url",
    "redis_url",
    "admin_key",
    "encryption_key",
    "whatsapp.verify_token",
    "whatsapp.app_secret",
    "whatsapp.access_token",
    "whatsapp.api_key",
];
const NESTED: &str = "FLOW_RUNNER__";
const FILE: &str = "flow-runner.toml";

/// Settings that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A key that doesn't exist.
    #[error("unknown setting `{key}` in {source_name}")]
    UnknownKey {
        /// As written.
        key: String,
        /// Where.
        source_name: String,
    },
    /// A file that can't be read.
    #[error("can't read {path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A value that can't be used; says which, from where, and why.
    #[error("wrong setting: {0}")]
    Wrong(String),
    /// A value that is needed.
    #[error("{name} is not set: {why}")]
    Missing {
        /// Its environment name.
        name: &'static str,
        /// What it is for.
        why: &'static str,
    },
}

/// What the command line gives: the highest source.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config FILE`; without it `flow-runner.toml` is read where there is one.
    pub file: Option<PathBuf>,
    /// Whether no file is looked at, not even `flow-runner.toml`.
    pub no_file: bool,
    /// Keys and values, such as `("listen", "127.0.0.1:0")`, each with the flag it came from.
    pub values: Vec<(String, String, String)>,
    /// The environment to read; `None` = the process's own.
    pub environment: Option<Vec<(String, String)>>,
}

impl Overrides {
    /// Adds a value that `flag` gave.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>, flag: &str) -> Self {
        self.values.push((key.to_owned(), value.into(), flag.to_owned()));
        self
    }
}

/// Texts under their keys, each with where it came from.
#[derive(Debug, Clone, Default)]
struct Texts(BTreeMap<String, (String, String)>);

impl Texts {
    /// Where the value came from that the error speaks of: the deserializer names the key, but not always its source.
    fn culprit(&self, error: &ConfigError) -> Option<&str> {
        let text = error.to_string();
        self.0
            .iter()
            .find(|(key, (_, origin))| text.contains(&format!("for key `{key}`")) && !text.contains(origin.as_str()))
            .map(|(_, (_, origin))| origin.as_str())
    }
}

impl Source for Texts {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut root = Map::new();
        for (key, (text, origin)) in &self.0 {
            let value = Value::new(Some(origin), ValueKind::String(text.clone()));
            match key.split_once('.') {
                None => drop(root.insert(key.clone(), value)),
                Some((section, name)) => {
                    let table = root
                        .entry(section.to_owned())
                        .or_insert_with(|| Value::new(Some(origin), ValueKind::Table(Map::new())));
                    if let ValueKind::Table(table) = &mut table.kind {
                        table.insert(name.to_owned(), value);
                    }
                }
            }
        }
        Ok(root)
    }
}

/// All sources, read but not yet understood.
pub(super) struct Sources {
    /// Every key there is.
    known: Vec<String>,
    /// The settings file with the keys that stand in it.
    file: Option<(PathBuf, Vec<String>)>,
    /// Environment and flags, each text with where it came from.
    texts: Texts,
    /// What can't be taken.
    pub problems: Vec<SettingsError>,
}

impl Sources {
    /// Reads all sources. Only a file that can't be read at all ends it; other problems are collected.
    pub fn read(overrides: &Overrides) -> Result<Self, SettingsError> {
        let known = keys(&File::from_str(DEFAULT, FileFormat::Toml)).map_err(|error| wrong(&error))?;
        let mut problems = Vec::new();
        let mut file = None;
        if let Some(path) = settings_file(overrides)? {
            let found = keys(&toml(&path))
                .map_err(|error| SettingsError::File { path: path.clone(), reason: error.to_string() })?;
            for key in found.iter().filter(|key| !known.contains(key)) {
                problems.push(unknown(key, path.display().to_string()));
            }
            file = Some((path, found));
        }
        let mut texts = from_environment(&environment(overrides), &known, &mut problems);
        let flags = overrides.values.iter().map(|(key, value, flag)| (key.clone(), (value.clone(), flag.clone())));
        texts.0.extend(flags);
        Ok(Self { known, file, texts, problems })
    }

    /// The settings that they make.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let config = self.config(&self.texts)?;
        config.try_deserialize().map_err(|error| match self.texts.culprit(&error) {
            Some(origin) => SettingsError::Wrong(format!("{error} ({origin})")),
            None => wrong(&error),
        })
    }

    fn config(&self, texts: &Texts) -> Result<Config, SettingsError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULT, FileFormat::Toml));
        if let Some((path, _)) = &self.file {
            builder = builder.add_source(toml(path));
        }
        builder.add_source(texts.clone()).build().map_err(|error| wrong(&error))
    }

    /// Each key's value, as written, and where that came from.
    pub fn values(&self) -> Result<BTreeMap<String, (String, String)>, SettingsError> {
        let config = self.config(&self.texts)?;
        let value = |key: &String| {
            let text = config.get_string(key).map_err(|error| wrong(&error))?;
            let origin = match (self.texts.0.get(key), &self.file) {
                (Some((_, origin)), _) => origin.clone(),
                (None, Some((path, found))) if found.contains(key) => path.display().to_string(),
                _ => "default".to_owned(),
            };
            Ok((key.clone(), (text, origin)))
        };
        self.known.iter().map(value).collect()
    }

    /// The values that are wrong, each for itself: every key beside the defaults of all others.
    pub fn wrong_values(&self) -> Result<Vec<SettingsError>, SettingsError> {
        let mut found = Vec::new();
        for (key, value) in self.values()? {
            let texts = Texts([(key, value)].into());
            let alone = Self { known: Vec::new(), file: None, texts, problems: Vec::new() };
            found.extend(alone.settings().err());
        }
        Ok(found)
    }
}

pub(super) fn load(overrides: &Overrides) -> Result<Settings, SettingsError> {
    let mut sources = Sources::read(overrides)?;
    if !sources.problems.is_empty() {
        return Err(sources.problems.remove(0));
    }
    let settings = sources.settings()?;
    let values = sources.values()?;
    check_together(|key| values.get(key).is_some_and(|(text, _)| !text.is_empty()))?;
    Ok(settings)
}

fn toml(path: &Path) -> File<config::FileSourceFile, FileFormat> {
    File::from(path).format(FileFormat::Toml)
}

fn unknown(key: &str, source_name: String) -> SettingsError {
    SettingsError::UnknownKey { key: key.to_owned(), source_name }
}

fn wrong(error: &ConfigError) -> SettingsError {
    SettingsError::Wrong(error.to_string())
}

fn settings_file(overrides: &Overrides) -> Result<Option<PathBuf>, SettingsError> {
    match &overrides.file {
        None if overrides.no_file => Ok(None),
        Some(path) if !path.is_file() => Err(SettingsError::File { path: path.clone(), reason: "no such file".into() }),
        Some(path) => Ok(Some(path.clone())),
        None => Ok(Path::new(FILE).is_file().then(|| PathBuf::from(FILE))),
    }
}

/// The names that are set, with their values.
pub(super) fn environment(overrides: &Overrides) -> Vec<(String, String)> {
    overrides.environment.clone().unwrap_or_else(|| {
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
    })
}

/// Every key of a source, sections joined by dots.
fn keys(source: &dyn Source) -> Result<Vec<String>, ConfigError> {
    let mut found = Vec::new();
    for (key, value) in source.collect()? {
        match value.kind {
            ValueKind::Table(table) => found.extend(table.keys().map(|name| format!("{key}.{name}"))),
            _ => found.push(key),
        }
    }
    Ok(found)
}

fn from_environment(environment: &[(String, String)], known: &[String], problems: &mut Vec<SettingsError>) -> Texts {
    let mut texts = Texts::default();
    for (name, value) in environment.iter().filter(|(_, value)| !value.is_empty()) {
        if let Some(nested) = name.strip_prefix(NESTED) {
            let key = nested.to_ascii_lowercase().replace("__", ".");
            if known.contains(&key) {
                texts.0.insert(key, (value.clone(), format!("environment variable {name}")));
            } else {
                problems.push(unknown(&key, format!("environment variable {name}")));
            }
        } else if let Some((_, key)) = FIXED.iter().find(|(fixed, _)| fixed == name) {
            texts.0.insert((*key).to_owned(), (value.clone(), format!("environment variable {name}")));
        } else if let Some((_, key)) = FIXED.iter().find(|(fixed, _)| name.strip_suffix("_FILE") == Some(*fixed))
            && is_secret(key)
        {
            match std::fs::read_to_string(value) {
                Ok(secret) => {
                    let text = (secret.trim_end().to_owned(), format!("file named by {name}"));
                    texts.0.insert((*key).to_owned(), text);
                }
                Err(error) => {
                    problems.push(SettingsError::File { path: value.into(), reason: error.to_string() });
                }
            }
        }
    }
    texts
}

/// Whether a key's value is to be shown to nobody.
pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

/// The environment variable of a key: its plain name, or the one made from sections.
pub(super) fn variable(key: &str) -> String {
    match FIXED.iter().find(|(_, fixed)| *fixed == key) {
        Some((name, _)) => (*name).to_owned(),
        None => format!("{NESTED}{}", key.to_ascii_uppercase().replace('.', "__")),
    }
}

/// What belongs together is given together. `is_set` says whether a key has a value.
pub(super) fn check_together(is_set: impl Fn(&str) -> bool) -> Result<(), SettingsError> {
    let given = ["whatsapp.phone_number_id", "whatsapp.access_token", "whatsapp.api_key"].map(is_set);
    if given.contains(&true) && given.contains(&false) {
        return Err(SettingsError::Wrong(
            "WHATSAPP_PHONE_NUMBER_ID, WHATSAPP_ACCESS_TOKEN and FLOW_RUNNER_API_KEY belong together: \
             set all three or none"
                .into(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        load(&Overrides { environment: Some(environment), ..Overrides::default() })
    }

    #[test]
    fn defaults_are_whole_and_empty_counts_as_not_set() {
        let settings = with(&[("FLOW_RUNNER_PARTITIONS", "")]).unwrap();
        assert_eq!(settings.partitions, 16);
        assert!(settings.database_url.is_none() && settings.whatsapp.app_secret.is_empty());
        assert_eq!(settings.session.ttl.as_secs(), 86_400);
    }

    #[test]
    fn a_token_of_digits_stays_a_text() {
        use secrecy::ExposeSecret;
        let settings = with(&[("WHATSAPP_WEBHOOK_VERIFY_TOKEN", "00123")]).unwrap();
        assert_eq!(settings.whatsapp.verify_token.unwrap().expose_secret(), "00123");
    }

    #[test]
    fn a_wrong_value_names_its_key_and_source() {
        for (name, value, key) in [
            ("FLOW_RUNNER_PARTITIONS", "many", "partitions"),
            ("FLOW_RUNNER_PARTITIONS", "0", "partitions"),
            ("FLOW_RUNNER__SESSION__TTL", "soon", "ttl"),
            ("FLOW_RUNNER_ADMIN_KEY", "short", "admin_key"),
            ("FLOW_RUNNER_LISTEN", "8080", "listen"),
            ("SEND_ATTEMPTS", "0", "attempts"),
            ("FLOW_RUNNER__SEND__CONCURRENCY", "0", "concurrency"),
            ("FLOW_RUNNER__WORKER__BATCH", "0", "batch"),
        ] {
            let error = with(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(name), "{error}");
        }
    }

    #[test]
    fn unknown_keys_stop_the_start_and_other_variables_do_not() {
        assert!(with(&[("FLOW_RUNNER_SERVICE_HOST", "10.0.0.1"), ("PATH", "/bin")]).is_ok());
        let error = with(&[("FLOW_RUNNER__GATEWAY__CONECTIONS", "5")]).unwrap_err().to_string();
        assert!(error.contains("gateway.conections"), "{error}");
    }

    #[test]
    fn the_configured_account_is_given_wholly_or_not_at_all() {
        assert!(with(&[("WHATSAPP_PHONE_NUMBER_ID", "1")]).is_err());
    }
}
