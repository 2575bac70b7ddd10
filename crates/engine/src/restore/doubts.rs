//! What is to be known of the backup that was chosen: that it lacks something, or that newer ones were passed over.

use super::source::SelectedBackup;
use crate::Result;
use crate::report::{BackupInfo, BackupRef, BackupType, ListFilter, Warning};
use crate::vault::Vault;

/// So many warnings of a backup that is not whole are told again.
const TOLD: usize = 3;

/// Said before a restore, and again after it.
pub fn of(vault: &Vault, asked: &BackupRef, sources: &[SelectedBackup]) -> Result<Vec<Warning>> {
    let Some(source) = sources.first() else { return Ok(Vec::new()) };
    let snapshot = &source.snapshot;
    let mut doubts = Vec::new();
    if snapshot.degraded {
        let lacks = snapshot.warnings.iter().take(TOLD);
        let mut lacks: Vec<String> = lacks.map(|warning| warning.in_words().trim_end_matches('.').to_owned()).collect();
        if snapshot.warnings.len() > TOLD {
            lacks.push(format!("and {} more", snapshot.warnings.len() - TOLD));
        }
        let good = vault.backups(&ListFilter::default())?.into_iter().find(is_good);
        let good = match good {
            Some(good) => format!("The newest good one is {}.", good.backup),
            None => "There is no good one.".into(),
        };
        doubts.push(Warning {
            path: snapshot.backup.clone(),
            message: format!("This backup is not whole (degraded): {}. {good}", lacks.join(", ")),
        });
    }
    if let BackupRef::At { at } = asked {
        let until = ListFilter { until: Some(*at), ..ListFilter::default() };
        let newer = vault.backups(&until)?.into_iter();
        let passed: Vec<String> = newer
            .filter(|info| info.timestamp > snapshot.timestamp && info.kind != BackupType::Safety && info.degraded)
            .map(|info| info.backup)
            .collect();
        if let Some(newest) = passed.first() {
            let (many, which) = match passed.len() {
                1 => ("A newer backup was".into(), "it (degraded). To restore it"),
                many => (format!("{many} newer backups were"), "them (degraded). To restore the newest of them"),
            };
            doubts.push(Warning {
                path: snapshot.backup.clone(),
                message: format!(
                    "{many} skipped, because some data is missing in {which} nevertheless, name it: {newest}."
                ),
            });
        }
    }
    let is_named = matches!(asked, BackupRef::Name(name) if name != "latest");
    let until = match asked {
        BackupRef::At { at } => Some(*at),
        BackupRef::Name(_) => None,
    };
    let is_passed = |info: &BackupInfo| info.suspicious.is_some() && info.timestamp > snapshot.timestamp && !is_named;
    if let Some(passed) = vault.backups(&ListFilter { until, ..ListFilter::default() })?.into_iter().find(is_passed) {
        doubts.push(Warning {
            path: snapshot.backup.clone(),
            message: format!(
                "A newer backup was skipped, because it is suspicious. To restore it nevertheless, name it: {}.",
                passed.backup
            ),
        });
    }
    Ok(doubts)
}

fn is_good(info: &BackupInfo) -> bool {
    !info.degraded && info.suspicious.is_none() && info.kind != BackupType::Safety
}
