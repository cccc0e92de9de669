//! Here, or over there.

use super::{Operation, run, socket};
use backends::{ConnectError, embedded::DirectoryError};
use serde_json::Value;
use shared::{SystemClock, settings::Settings};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs an operation on the data that the settings name: here when nobody has it, else in the process that does.
pub async fn operate(settings: &Settings, operation: Operation) -> anyhow::Result<Value> {
    let stop = CancellationToken::new();
    match backends::connect(settings, Arc::new(SystemClock::default()), stop.clone()).await {
        Ok(backends) => {
            let result = run(operation, &backends).await;
            stop.cancel();
            backends.tasks.close();
            backends.tasks.wait().await;
            result
        }
        Err(ConnectError::Directory(DirectoryError::InUse(directory))) => socket::ask(&directory, &operation).await,
        Err(error) => Err(error.into()),
    }
}
