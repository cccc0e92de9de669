//! Business numbers.

use super::{Answer, Operator, OperatorError};
use crate::{
    ids::{AccountId, PhoneNumberId},
    ports::{
        accounts::{PAUSED_BY_HAND, PhoneNumber},
        ledger::Backlog,
        members::Role,
    },
    tally::ServedNumber,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Meta grants a number no more messages a second than this.
const HIGHEST_RATE: u32 = 1_000;

impl Operator {
    /// Adds a number to an account, or gives it a new token.
    pub async fn add_number(&self, who: &str, id: &str, account: &str, token: SecretString) -> Answer {
        let Some(account) = self.account(Some(account)).await? else {
            return Err(OperatorError::no("account", account, "flow-runner accounts list"));
        };
        let id = PhoneNumberId::from(id);
        self.note(who, "numbers.add", id.as_str(), json!({ "accountId": account })).await?;
        self.accounts.add_phone_number(&account, &id, token).await?;
        self.number(&id).await
    }

    /// All numbers, as they stand where they are sent from.
    pub async fn numbers(&self) -> Answer {
        let numbers = self.accounts.phone_numbers().await?;
        let (served, backlog) = (self.served_numbers().await, self.backlog().await?);
        let shown = |number: &PhoneNumber| shown(number, served.get(&number.id), backlog.get(&number.id));
        Ok(json!({ "items": numbers.iter().map(|number| shown(number)).collect::<Vec<_>>() }))
    }

    /// Stops sending from a number by hand, or goes on with it.
    pub async fn pause_number(&self, who: &str, id: &str, paused: bool) -> Answer {
        let id = PhoneNumberId::from(id);
        self.known(&id).await?;
        let act = if paused { "numbers.pause" } else { "numbers.resume" };
        self.note(who, act, id.as_str(), json!({})).await?;
        self.accounts.pause_phone_number(&id, paused.then_some(PAUSED_BY_HAND)).await?;
        self.number(&id).await
    }

    /// Messages a second that Meta grants a number; `None` = as set for the installation.
    pub async fn set_rate(&self, who: &str, id: &str, rate: Option<u32>) -> Answer {
        let id = PhoneNumberId::from(id);
        self.known(&id).await?;
        if rate.is_some_and(|rate| rate == 0 || rate > HIGHEST_RATE) {
            return Err(OperatorError::Invalid(format!("a rate is between 1 and {HIGHEST_RATE} messages a second")));
        }
        self.note(who, "numbers.set", id.as_str(), json!({ "rate": rate })).await?;
        self.accounts.set_rate(&id, rate).await?;
        self.number(&id).await
    }

    async fn known(&self, id: &PhoneNumberId) -> Result<(), OperatorError> {
        match self.accounts.phone_number(id).await? {
            Some(_) => Ok(()),
            None => Err(OperatorError::no("number", id.as_str(), "flow-runner numbers list")),
        }
    }

    async fn number(&self, id: &PhoneNumberId) -> Answer {
        let Some(number) = self.accounts.phone_number(id).await? else {
            return Err(OperatorError::no("number", id.as_str(), "flow-runner numbers list"));
        };
        let (served, backlog) = (self.served_numbers().await, self.backlog().await?);
        Ok(shown(&number, served.get(id), backlog.get(id)))
    }

    /// What senders tell of the numbers they send from; nothing where they can't be asked.
    async fn served_numbers(&self) -> HashMap<PhoneNumberId, ServedNumber> {
        let reports = self.members.reports(Role::Sender).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "nobody knows who sends from the numbers; is the Redis of REDIS_URL up?");
            Vec::new()
        });
        let numbers = reports.into_iter().flat_map(|(_, report)| report.numbers);
        numbers.map(|number| (number.phone_number_id.clone(), number)).collect()
    }

    pub(super) async fn backlog(&self) -> Result<HashMap<PhoneNumberId, Backlog>, OperatorError> {
        let backlog = self.ledger.backlog().await?.into_iter();
        Ok(backlog.map(|backlog| (backlog.phone_number_id.clone(), backlog)).collect())
    }

    /// Whose a number is, and why it is paused, by number.
    pub(super) async fn owners(&self) -> Result<HashMap<PhoneNumberId, (AccountId, Option<String>)>, OperatorError> {
        let numbers = self.accounts.phone_numbers().await?;
        let owner = |number: &PhoneNumber| (number.id.clone(), (number.account_id.clone(), number.paused.clone()));
        Ok(numbers.iter().map(|number| owner(number)).collect())
    }
}

/// Never its token. What nobody tells is null: a number that has had nothing to send for long is on nobody's desk.
fn shown(number: &PhoneNumber, served: Option<&ServedNumber>, backlog: Option<&Backlog>) -> Value {
    json!({
        "phoneNumberId": number.id,
        "accountId": number.account_id,
        "rate": number.rate,
        "paused": number.paused,
        "breaker": served.map(|served| served.breaker.as_str()),
        "rateNow": served.and_then(|served| served.rate),
        "heldSeconds": served.map(|served| served.held_millis.div_ceil(1000)),
        "underWay": served.map(|served| served.under_way),
        "backlog": backlog.map_or(0, |backlog| backlog.open),
    })
}
