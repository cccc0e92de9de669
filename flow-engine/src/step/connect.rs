//! `ConnectFlowAction`: runs another flow and goes on when that ends. Sends nothing.

use super::id_field;
use crate::{
    catalog::Catalog,
    finding::{Finding, Report},
    ids::FlowId,
    model::FlowStatus,
};
use serde_json::{Map, Value};

pub(super) const TYPE: &str = "ConnectFlowAction";

/// The way into another flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectFlowAction {
    /// The flow that runs, in its version of that moment.
    pub flow_id: FlowId,
}

impl ConnectFlowAction {
    pub(super) fn parse(fields: &Map<String, Value>) -> Result<Self, String> {
        let id = id_field(fields, "flowId").filter(|id| !id.trim().is_empty()).ok_or("no flowId")?;
        Ok(Self { flow_id: id.trim().into() })
    }
}

/// A flow may connect to itself; `own` is as active as it is to be.
pub(super) fn check(fields: &Map<String, Value>, path: &str, (own, catalog): (&FlowId, &Catalog), report: &mut Report) {
    let (code, text) = match ConnectFlowAction::parse(fields) {
        Ok(connect) if connect.flow_id == *own => return,
        Ok(ConnectFlowAction { flow_id }) => match catalog.flow(&flow_id).map(|flow| flow.status) {
            Some(FlowStatus::Active) => return,
            Some(FlowStatus::Inactive) => {
                ("inactive_flow", format!("flow {flow_id} is INACTIVE: this step is skipped until it is switched on"))
            }
            None => ("unknown_flow", format!("this account has no flow {flow_id}: this step is skipped")),
        },
        Err(why) => ("unknown_flow", format!("{why}: this step is skipped")),
    };
    report.warning(Finding::new(format!("{path}/flowId"), code, text));
}
