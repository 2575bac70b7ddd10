//! The same vault in other places: the targets of the configuration.
//!
//! | module | what it is |
//! |---|---|
//! | [`fetch`] | reading from targets: what of the vault is missing or damaged here |
//! | [`known`] | what is remembered of targets, so that nobody has to ask twice |
//! | [`windows`] | parts of objects that were fetched, a little ahead, within a bound |
//! | [`retry`] | trying again what may be right the next time |
//! | [`whole`] | whole objects, proved before they count |
//! | [`safe`] | which backups a target has whole, so that the copy here may go |
//! | [`heal`] | damaged objects made good from where they are whole, here and at a target |
//!
//! It uses the vault and stores; nothing of the vault points back here.

pub mod fetch;
pub mod heal;
pub mod known;
pub mod retry;
pub mod safe;
pub mod whole;
pub mod windows;
