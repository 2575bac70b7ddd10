//! Letting Lifeboat into an account in the cloud.

use super::Engine;
use crate::config::Config;
use crate::config::cloud::Target;
use crate::report::Authorized;
use crate::store::Person;
use crate::{Error, Result};

impl Engine {
    /// A person signs in to Google Drive: to the target of this name, or to the first one. It works before any is configured.
    pub fn authorize_drive(&self, target: Option<&str>, person: &dyn Person) -> Result<Authorized> {
        let drives = || self.access.config.cloud.iter().filter(|target| matches!(target, Target::GDrive(_)));
        let found = match target {
            Some(name) => {
                Some(drives().find(|target| target.name() == name).cloned().ok_or_else(|| Error::Config {
                    message: format!(
                        "No Google Drive among the targets of the configuration (`cloud`) is called {name:?}."
                    ),
                })?)
            }
            None => drives().next().cloned(),
        };
        let target = match found {
            Some(target) => target,
            None => first(&self.access.config)?,
        };
        if let Target::GDrive(drive) = &target
            && drive.key_file.is_some()
        {
            let message = "This target has the key of a service account (`keyFile`, or credentials/google-drive-key.json), and \
                           nobody signs in. Take it away to use an owner's account.";
            return Err(Error::Config { message: message.into() });
        }
        let account = self.access.opener().sign_in(&target, person)?;
        let free = account.limit.map(|limit| limit.saturating_sub(account.used.unwrap_or(0)));
        Ok(Authorized { account: account.name.unwrap_or_default(), free })
    }
}

/// A Google Drive that nobody has configured yet, with its defaults.
fn first(config: &Config) -> Result<Target> {
    let mut fresh =
        Config { cloud: vec![Target::GDrive(Default::default())], ..Config::default() }.resolved(&config.root)?;
    fresh.cloud.pop().ok_or_else(|| Error::internal("a configuration has lost its target"))
}
