//! Laws of the census: what a fold over a table must give whatever the cut, held against naive counting.

mod throughput {
    use std::fmt::Write as _;
    use std::time::Instant;

    use conntriage::census::{HowSink, WhoSink, census, leaders};
    use conntriage::model::fold::{FlowSink, Part};
    use conntriage::parse::table::{TableDialect, block, sniff};

    /// One million entries of a web host: most from a few sources to a few services, in the form of 4.18.
    fn table(entries: u32) -> String {
        let mut text = String::new();
        let mut seed = 1u64;
        for number in 0..entries {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let dice = (seed >> 33) as u32;
            let source = if dice % 4 == 0 { dice >> 2 } else { 0x0a00_0000 | (dice >> 8) % 200 };
            let (source, peer) = (std::net::Ipv4Addr::from(source), 100 + dice % 7);
            let (sport, dport) = (1024 + number % 60_000, [80, 443, 3128, 5050][(dice % 4) as usize]);
            let (time, state) =
                [(dice % 120, "TIME_WAIT"), (dice % 432_000, "ESTABLISHED")][usize::from(dice % 5 == 0)];
            writeln!(
                text,
                "ipv4     2 tcp      6 {time} {state} src={source} dst=192.168.1.{peer} sport={sport} dport={dport} \
                 src=192.168.1.{peer} dst={source} sport={dport} dport={sport} [ASSURED] mark=0 zone=0 use=2"
            )
            .unwrap();
        }
        text
    }

    fn halves(text: &[u8]) -> [(u64, &[u8]); 2] {
        let middle = text.len() / 2;
        let cut = middle + memchr::memchr(b'\n', &text[middle..]).map_or(0, |end| end + 1);
        [(0, &text[..cut]), (cut as u64, &text[cut..])]
    }

    fn look<S: FlowSink + Send>(dialect: TableDialect, text: &[u8], sink: impl Fn() -> S + Sync) -> S::Part {
        let sink = &sink;
        std::thread::scope(|scope| {
            let workers = halves(text).map(|(offset, half)| {
                scope.spawn(move || {
                    let mut sink = sink();
                    block(dialect, half, offset, &mut sink);
                    sink.finish()
                })
            });
            let [left, right] = workers.map(|worker| worker.join().unwrap());
            left.join(right)
        })
    }

    struct Nothing(u64);
    #[derive(Default)]
    struct Sum(u64);
    impl Part for Sum {
        fn join(self, right: Self) -> Self {
            Self(self.0 + right.0)
        }
    }
    impl FlowSink for Nothing {
        type Part = Sum;
        fn take(&mut self, item: &conntriage::model::fold::TableItem) {
            if let conntriage::model::fold::TableItem::Flow(flow) = item {
                self.0 += flow.remaining.unwrap_or(0) as u64;
            }
        }
        fn finish(self) -> Sum {
            Sum(self.0)
        }
    }

    /// `cargo test --release --test census_laws -- --ignored --nocapture`; writes the table to the temporary
    /// directory, so that `awk` and `wc` can be run beside it.
    #[test]
    #[ignore = "a measurement, not a test"]
    fn throughput_of_a_million_entries() {
        use std::io::Write as _;
        let text = table(1_000_000);
        let path = std::env::temp_dir().join("conntriage-table.txt");
        std::fs::write(&path, &text).unwrap();
        let mut err = std::io::stderr();
        let dialect = sniff(&text.as_bytes()[..65_536]).unwrap();
        let best = |work: &dyn Fn()| {
            (0..7)
                .map(|_| {
                    let t = Instant::now();
                    work();
                    t.elapsed()
                })
                .min()
                .unwrap()
        };
        let one = |sink: &mut dyn FnMut()| sink();
        let _ = one;
        let parse = best(&|| {
            let mut s = Nothing(0);
            block(dialect, text.as_bytes(), 0, &mut s);
            std::hint::black_box(s.0);
        });
        let who1 = best(&|| {
            let mut s = WhoSink::default();
            block(dialect, text.as_bytes(), 0, &mut s);
            std::hint::black_box(s.finish());
        });
        let mut s = WhoSink::default();
        block(dialect, text.as_bytes(), 0, &mut s);
        let who = s.finish();
        let keys = leaders(&who, &[]);
        let how1 = best(&|| {
            let mut s = HowSink::new(&keys);
            block(dialect, text.as_bytes(), 0, &mut s);
            std::hint::black_box(s.finish());
        });
        let both = best(&|| {
            let who = look(dialect, text.as_bytes(), WhoSink::default);
            let keys = leaders(&who, &[]);
            let how = look(dialect, text.as_bytes(), || HowSink::new(&keys));
            std::hint::black_box(census(who, how));
        });
        writeln!(err, "{path:?} {} B: one core: parse {parse:?}, who {who1:?}, how {how1:?}; two cores, both looks {both:?}", text.len()).unwrap();
    }
}
