//! All flows of one account, ready to be asked.

use crate::{
    fold::fold,
    ids::{FlowId, VersionId},
    model::{Flow, FlowStatus, FlowVersion},
};
use std::{collections::HashMap, sync::Arc};

/// The trigger that takes whatever nothing else takes.
const CATCH_ALL: &str = "*";

/// The flows of one account with their newest versions.
#[derive(Debug, Default)]
pub struct Catalog {
    flows: Vec<Flow>,
    by_id: HashMap<FlowId, usize>,
    by_trigger: HashMap<String, Vec<usize>>,
    by_version: HashMap<VersionId, usize>,
}

impl Catalog {
    /// Takes the flows in any order.
    #[must_use]
    pub fn new(mut flows: Vec<Flow>) -> Self {
        flows.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        let mut by_id = HashMap::new();
        let mut by_trigger: HashMap<String, Vec<usize>> = HashMap::new();
        let mut by_version = HashMap::new();
        for (index, flow) in flows.iter().enumerate() {
            by_id.insert(flow.id.clone(), index);
            by_version.insert(flow.version.id, index);
            if flow.status == FlowStatus::Active {
                for trigger in &flow.triggers {
                    by_trigger.entry(trigger.clone()).or_default().push(index);
                }
            }
        }
        Self { flows, by_id, by_trigger, by_version }
    }

    /// The flow with this id, whatever its status.
    #[must_use]
    pub fn flow(&self, id: &FlowId) -> Option<&Flow> {
        self.by_id.get(id).map(|index| &self.flows[*index])
    }

    /// The flow whose newest version this is.
    #[must_use]
    pub fn newest(&self, version: VersionId) -> Option<&Flow> {
        self.by_version.get(&version).map(|index| &self.flows[*index])
    }

    /// Oldest first.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.iter()
    }

    /// The oldest active flow that this text starts for this sender; `*` doesn't count.
    #[must_use]
    pub fn triggered_by(&self, text: &str, sender: &[String]) -> Option<&Flow> {
        self.started_by(&fold(text), sender)
    }

    /// The same for a text that is folded already.
    pub(crate) fn started_by(&self, folded: &str, sender: &[String]) -> Option<&Flow> {
        if folded == CATCH_ALL { None } else { self.first(folded, sender) }
    }

    /// The oldest active flow with the trigger `*` that this sender may start.
    #[must_use]
    pub fn catch_all(&self, sender: &[String]) -> Option<&Flow> {
        self.first(CATCH_ALL, sender)
    }

    fn first(&self, trigger: &str, sender: &[String]) -> Option<&Flow> {
        let indices = self.by_trigger.get(trigger)?;
        indices.iter().map(|index| &self.flows[*index]).find(|flow| flow.may_be_started_by(sender))
    }
}

/// What [`crate::advance`] may look at: the account's flows, and the older versions that
/// [`crate::versions_needed`] asked for and that exist in this account.
#[derive(Debug, Clone, Copy)]
pub struct Flows<'a> {
    /// The account's flows.
    pub catalog: &'a Catalog,
    /// Older versions.
    pub pinned: &'a [Arc<FlowVersion>],
}

impl<'a> Flows<'a> {
    /// A version of a flow that still exists.
    #[must_use]
    pub fn version(&self, id: VersionId) -> Option<(&'a Flow, &'a Arc<FlowVersion>)> {
        if let Some(flow) = self.catalog.newest(id) {
            return Some((flow, &flow.version));
        }
        let version = self.pinned.iter().find(|version| version.id == id)?;
        Some((self.catalog.flow(&version.flow_id)?, version))
    }
}
