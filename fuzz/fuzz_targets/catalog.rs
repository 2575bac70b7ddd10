#![no_main]

#[allow(dead_code)]
#[path = "../../crates/engine/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::catalog(data));
