#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| backfleet_fuzz::export(data));
