//! Flows as the builder saves them, and as the worker runs them.

use super::Stored;
use crate::ids::AccountId;
use async_trait::async_trait;
use flow_engine::{Catalog, FlowId, FlowStatus, FlowVersion, Timestamp, VersionId};
use serde_json::Value;
use std::sync::Arc;

/// A row of `"WhatsAppFlow"`, with the number of its newest version.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowRecord {
    /// Its id.
    pub id: FlowId,
    /// Whose it is.
    pub account_id: AccountId,
    /// For people.
    pub name: String,
    /// As sent, a JSON array of strings in one string.
    pub trigger: String,
    /// As sent, an array of steps.
    pub automation: Value,
    /// Who may start it; empty = everyone.
    pub recipients: Value,
    /// Whether it may start.
    pub status: FlowStatus,
    /// Counts its saves, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last saved.
    pub updated_at: Timestamp,
}

/// A flow's steps as one save left them.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedVersion {
    /// As sent, an array of steps.
    pub automation: Value,
    /// When it was saved.
    pub saved_at: Timestamp,
}

/// What a save may find.
#[derive(Debug, Clone, PartialEq)]
pub enum Saved {
    /// It is saved.
    Done(Box<FlowRecord>),
    /// There is no such flow in this account (to update), or the id is taken (to create).
    Conflict,
    /// It is not in the version that the caller saw.
    Changed,
}

/// The flows of each account. Every save makes a new immutable version.
#[async_trait]
pub trait FlowStore: Send + Sync {
    /// All flows of the account, oldest first.
    async fn list(&self, account: &AccountId) -> Stored<Vec<FlowRecord>>;
    /// One flow.
    async fn get(&self, account: &AccountId, id: &FlowId) -> Stored<Option<FlowRecord>>;
    /// Saves a new flow. `version`, `created_at` and `updated_at` of what is given are not looked at.
    async fn create(&self, flow: FlowRecord) -> Stored<Saved>;
    /// Saves a flow that exists in version `flow.version`.
    async fn update(&self, flow: FlowRecord) -> Stored<Saved>;
    /// Deletes a flow; false when there was none. Its versions stay, for what they were sent with.
    async fn delete(&self, account: &AccountId, id: &FlowId) -> Stored<bool>;

    /// The steps that a flow had in one of its versions, counted from 1; also of one that was deleted since.
    async fn saved(&self, account: &AccountId, id: &FlowId, number: i64) -> Stored<Option<SavedVersion>>;

    /// The account's flows, parsed and ready to run. At most 2 seconds old; at once true of what this process saved.
    async fn catalog(&self, account: &AccountId) -> Stored<Arc<Catalog>>;
    /// One version, if it belongs to this account.
    async fn version(&self, account: &AccountId, id: VersionId) -> Stored<Option<Arc<FlowVersion>>>;
}
