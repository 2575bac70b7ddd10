//! The promises of reading a vault from its targets: what is missing or damaged here comes from there, only what is needed; and
//! what a target has that is not what was written never comes back.

#[path = "../vault/support.rs"]
#[allow(dead_code)]
mod support;

mod damage;
mod downloaded;
mod healed;
mod listed;
mod lost;
mod migrated;
mod places;
mod restored;
mod space;
mod told;
mod traffic;
