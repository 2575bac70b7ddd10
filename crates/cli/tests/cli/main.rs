//! The command line as scripts and people meet it: the real executable, on real folders and real vaults.

mod archive;
mod auth;
mod bot;
mod call;
#[cfg(unix)]
mod clerk;
mod commands;
mod compare;
mod credentials;
mod elsewhere;
mod exit_codes;
mod keeping;
#[cfg(target_os = "linux")]
mod left_alone;
#[cfg(target_os = "linux")]
mod lesser_user;
mod migrate;
mod passphrase_file;
mod ping;
#[cfg(unix)]
mod printed;
mod prune;
mod restore;
#[cfg(unix)]
mod taken;
mod time;
#[cfg(unix)]
mod undo;
mod usage;
#[cfg(unix)]
mod words;
mod worker;
mod zone;
