//! Here, or over there.

use super::{
    Operation, run,
    socket::{self, Asked},
};
use backends::{ConnectError, embedded::DirectoryError};
use serde_json::Value;
use shared::{SystemClock, ports::members::MemberReport, settings::Settings};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs an operation on the data that the settings name: here when nobody has it, else in the process that does.
pub async fn operate(settings: &Settings, operation: Operation) -> anyhow::Result<Value> {
    let stop = CancellationToken::new();
    match backends::connect(settings, Arc::new(SystemClock::default()), stop.clone()).await {
        Ok(backends) => {
            let result = run(operation, &backends, &who()).await;
            stop.cancel();
            backends.tasks.close();
            backends.tasks.wait().await;
            result
        }
        Err(ConnectError::Directory(DirectoryError::InUse(directory))) => {
            socket::ask(&directory, Asked { who: who(), operation }).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Who asks: the user of this machine, as the record of acts names him.
pub fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    format!("{}@{}", user.unwrap_or_else(|| "somebody".to_owned()), MemberReport::host())
}
