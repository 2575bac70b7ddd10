//! Google Drive as a store, against a fake that speaks as the real one does.

mod broken_into;
mod faults;
mod python;
mod resuming;
mod setting;
mod sign_in;
mod store;
