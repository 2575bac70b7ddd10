//! The table of operations, and what is made of each of its lines.

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use super::*;
use crate::watch::Outcome;
use crate::{Error, Result};

/// A line of the table.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The name in JavaScript, in the protocol and for `lifeboat call`.
    pub name: &'static str,
    /// The names of the arguments, in their order.
    pub parameters: &'static [&'static str],
    #[serde(flatten)]
    pub facts: Facts,
    #[serde(skip)]
    pub arguments: fn(&mut SchemaGenerator) -> schemars::Schema,
    #[serde(skip)]
    pub answer: fn(&mut SchemaGenerator) -> schemars::Schema,
}

macro_rules! operations {
    ($(
        $name:literal ( $($parameter:tt),* ) = $Arguments:ident : $($fact:ident $(($word:literal))?),+ ;
    )*) => {
        /// One call of an operation, as a host sends it to its worker: `{ "op": "verify", "with": { "options": {} } }`.
        #[derive(Debug, Serialize)]
        #[serde(tag = "op", content = "with")]
        pub enum AnyOperation {
            $( #[serde(rename = $name)] $Arguments($Arguments), )*
        }

        /// Every operation.
        pub const TABLE: &[Entry] = &[$( Entry {
            name: $name,
            parameters: &[$( stringify!($parameter) ),*],
            facts: Facts::READS $( .$fact($($word)?) )+,
            arguments: <$Arguments as JsonSchema>::json_schema,
            answer: |schemas| schemas.subschema_for::<<$Arguments as Operation>::Answer>(),
        } ),*];

        impl AnyOperation {
            /// The operation of this name, with these arguments, which are JSON.
            pub(super) fn read(name: &str, with: &str) -> Result<AnyOperation> {
                match name {
                    $( $name => arguments::parse(with).map(AnyOperation::$Arguments), )*
                    other => Err(Error::Config { message: format!("There is no operation {other:?}.") }),
                }
            }

            pub fn entry(&self) -> &'static Entry {
                let name = match self { $( AnyOperation::$Arguments(_) => $name, )* };
                TABLE.iter().find(|entry| entry.name == name).expect("each variant has its line")
            }

            /// Runs the operation, and returns its answer as JSON text.
            pub fn perform(&self, call: &Call<'_>) -> Result<String> {
                let facts = self.entry().facts;
                match self { $( AnyOperation::$Arguments(operation) => perform(operation, facts, call), )* }
            }
        }
    };
}

operations! {
    // Making backups.
    "createBackup"(type, options) = CreateBackup: writes, alone, key, notes("BACKUP"), command("backup");
    "previewBackup"() = PreviewBackup: reads;
    "pause"(until) = Pause: writes, command("pause");
    "resume"() = Resume: writes, command("resume");
    // Looking.
    "listBackups"(filter) = ListBackups: reads, key;
    "listItems"(backup, filter) = ListItems: reads, key;
    "versions"(path) = ListVersions: reads, key;
    "diff"(from, to) = Compare: reads, key;
    "verify"(backup, options) = Verify: writes, key, notes("VERIFY"), command("verify");
    "status"() = ReadStatus: reads;
    "history"(filter) = ReadHistory: reads;
    "doctor"() = Diagnose: reads, command("doctor");
    // Bringing back.
    "restore"(backup, options) = Restore: writes, alone, key, notes("RESTORE"), command("restore");
    "undoRestore"(options) = UndoRestore: writes, alone, key, notes("RESTORE"), command("undo");
    "applyPendingRestore"() = ApplyPendingRestore: writes, alone, key, notes("RESTORE");
    "discardPendingRestore"() = DiscardPendingRestore: writes, command("restore --discard-pending");
    // What is kept.
    "prune"(options) = Prune: writes, alone, key, notes("PRUNE"), command("prune");
    "deleteBackup"(backup) = DeleteBackup: writes, alone, key, notes("DELETE"), command("delete");
    "pin"(backup) = Pin: writes, key, command("pin");
    "unpin"(backup) = Unpin: writes, key, command("unpin");
    "acceptBackup"(backup) = AcceptBackup: writes, alone, key, command("accept");
    "adoptVault"() = AdoptVault: writes, alone, key, command("adopt");
    // From one place to another.
    "exportBackup"(backup, file, options) = ExportBackup: reads, key, notes("EXPORT"), command("export");
    "importBackup"(file, options) = ImportBackup: writes, alone, key, notes("IMPORT"), command("import");
    "migrate"(from, options) = Migrate: writes, alone, key, command("migrate");
    "sync"(options) = Sync: writes, key, notes("SYNC"), command("sync");
    "vaults"(target) = ListVaults: reads;
    "authorizeDrive"(options) = AuthorizeDrive: writes, command("auth gdrive");
    // What a scheduler does.
    "runScheduled"(type, covers, wait) = RunScheduled: internal, writes, alone, key, notes("BACKUP");
    "runDue"(zone) = RunDue: internal, writes, alone, key, notes("BACKUP");
    "inspect"() = Inspect: internal, writes, key, notes("VERIFY");
    "inspectDue"(zone) = InspectDue: internal, writes, key, notes("VERIFY");
    "syncDue"() = SyncDue: internal, writes, key, notes("SYNC");
    "recover"() = Recover: internal, writes;
}

fn perform<O: Operation>(operation: &O, facts: Facts, call: &Call<'_>) -> Result<String> {
    let answer = match facts.history.filter(|_| !facts.notes_itself) {
        Some(name) => {
            let recorder = call.engine.recorder(name, None, call.control);
            let noted = recorder.end(operation.run(call).map(Described::<O>), |_| None);
            noted.map(|Described(answer)| answer)
        }
        None => operation.run(call),
    };
    serde_json::to_string(&answer?).map_err(|error| Error::internal(format!("a result has no JSON form: {error}")))
}

/// An answer that can describe itself for the history.
struct Described<O: Operation>(O::Answer);

impl<O: Operation> Outcome for Described<O> {
    fn describe(&self, run: &mut Run) {
        O::describe(&self.0, run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_a_field_of_the_arguments() {
        for entry in TABLE {
            let schema = (entry.arguments)(&mut SchemaGenerator::default());
            let fields: Vec<&String> = schema
                .get("properties")
                .and_then(|all| all.as_object())
                .into_iter()
                .flat_map(|all| all.keys())
                .collect();
            let mut parameters = entry.parameters.to_vec();
            parameters.sort_unstable();
            assert_eq!(fields, parameters, "{}", entry.name);
        }
    }

    #[test]
    fn a_name_stands_for_one_operation() {
        let mut names: Vec<&str> = TABLE.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|two| two[0] != two[1]));
    }
}
