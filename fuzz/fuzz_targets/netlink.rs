#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| conntriage_fuzz::netlink::hold(bytes));
