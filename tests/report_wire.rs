//! `conntriage.report/1` and its kin: every report validates against the schema we print, the schema is the one that
//! was agreed, and every field is there.
//!
//! `CONNTRIAGE_BLESS=1 cargo test --test report_wire` rewrites `tests/schemas` and the golden JSON.

mod report_synthetic;

use std::path::Path;

use conntriage::model::report::Report;
use conntriage::report::spell::plain;
use conntriage::wire::{self, bundle, incidents, report};
use serde_json::Value;

use report_synthetic::{everything, quiet, web8};

fn json(view: &Report) -> String {
    report::to_json(view, &plain)
}

fn value(view: &Report) -> Value {
    serde_json::from_str(&json(view)).unwrap()
}

fn assert_golden(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    if std::env::var_os("CONNTRIAGE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs; it now is:\n{text}", path.display());
}

fn assert_valid(schema: &str, json: &str) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
    let instance: Value = serde_json::from_str(json).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&instance)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_schemas_are_those_that_were_agreed() {
    for name in wire::SCHEMAS {
        assert_golden(&format!("schemas/{name}.json"), &wire::schema(name).unwrap());
    }
    assert_eq!(wire::schema("no such format"), None);
}

#[test]
fn every_report_validates_against_its_schema() {
    for view in [web8::report(), everything::report(), quiet()] {
        assert_valid(&report::schema(), &json(&view));
    }
}

#[test]
fn a_field_too_many_or_too_few_is_an_error() {
    let schema: Value = serde_json::from_str(&report::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let whole = value(&everything::report());
    assert!(validator.is_valid(&whole));
    let mut paths = Vec::new();
    objects(&whole, String::new(), &mut paths);
    assert!(paths.len() > 60, "{}", paths.len());
    for path in paths {
        let mut more = whole.clone();
        more.pointer_mut(&path).unwrap().as_object_mut().unwrap().insert("a_new_field".into(), Value::Null);
        assert!(!validator.is_valid(&more), "a new field at {path} is not noticed");
        assert!(report::from_json(&more.to_string()).is_err(), "a new field at {path} is read");
        for key in whole.pointer(&path).unwrap().as_object().unwrap().keys() {
            let mut less = whole.clone();
            less.pointer_mut(&path).unwrap().as_object_mut().unwrap().remove(key);
            assert!(!validator.is_valid(&less), "{path}/{key} may be missing");
        }
    }
}

/// Pointers to one object of each place in the document; maps from names to numbers are not fields.
fn objects(value: &Value, path: String, found: &mut Vec<String>) {
    const MAPS: [&str; 6] = ["by_protocol", "by_state", "states", "values", "changes", "what_if"];
    match value {
        Value::Object(fields) => {
            let name = path.rsplit('/').next().unwrap_or_default();
            if name == "sysctl"
                || (MAPS.contains(&name) && fields.values().all(|v| v.is_number() || v.is_null()))
            {
                return;
            }
            for (key, inner) in fields {
                objects(inner, format!("{path}/{key}"), found);
            }
            found.push(path);
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                objects(first, format!("{path}/0"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn what_was_written_is_read_back() {
    for view in [web8::report(), everything::report(), quiet()] {
        let json = json(&view);
        let read = report::from_json(&json).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), value(&view));
    }
}

#[test]
fn the_story_of_web8_is_written_as_agreed() {
    assert_golden("golden/web8.json", &json(&web8::report()));
}

#[test]
fn every_field_of_the_contract_is_there() {
    let whole = value(&everything::report());
    for (path, keys) in CONTRACT {
        let object = whole.pointer(path).unwrap_or_else(|| panic!("{path} is missing"));
        for key in keys.split(' ') {
            assert!(object.get(key).is_some(), "{path}/{key} is missing");
        }
    }
}

const BODY: &str =
    "census verdict runners_up top_sources top_peers top_pairs evidence remedies what_if will_not_help";

/// Every object of the contract, by a place where it stands, and its fields.
const CONTRACT: [(&str, &str); 39] = [
    (
        "",
        "schema generated_at tool complete settings inputs hosts shared incidents snapshots findings assumptions gaps",
    ),
    ("/tool", "name version"),
    ("/inputs/0", "id path member via kind dialect bytes records signals malformed first last complete note"),
    ("/hosts/0", "name also_written_as kernel boot_ids local_addresses incidents"),
    ("/hosts/0/local_addresses/0", "address from"),
    (
        "/incidents/0",
        "id host boot_id table namespace trust confirmed_by ongoing start end since_boot time drops timeline counters \
         snapshots changes around recurrence",
    ),
    ("/incidents/0", BODY),
    ("/snapshots/0", BODY),
    ("/snapshots/0", "id host namespace taken_at"),
    ("/incidents/0/namespace", "kind inode name owner from"),
    ("/incidents/0/since_boot", "start_seconds end_seconds"),
    ("/incidents/0/time", "basis precision_seconds uncertainty_seconds"),
    ("/incidents/0/drops", "visible repeated suppressed low high high_is method widened_by streams"),
    ("/incidents/0/drops/streams/0", "input visible suppressed leads"),
    ("/incidents/0/timeline", "step_seconds points"),
    ("/incidents/0/timeline/points/0", "at visible suppressed drops early_drops count max"),
    ("/incidents/0/counters", "before after"),
    (
        "/incidents/0/snapshots/0",
        "id role leads source taken_at took_seconds offset_seconds listed count max buckets duplicates_removed complete \
         note",
    ),
    ("/incidents/0/around/0", "at kind fact from"),
    (
        "/incidents/0/census",
        "by_protocol by_state assured unreplied offloaded nat zones reversed local_share distinct_sources idle_age \
         idle_age_unknown idle_shapes \
         effective exact error",
    ),
    ("/incidents/0/census/idle_age_unknown/0", "reason entries"),
    ("/incidents/0/census/effective", "evictable closing live"),
    ("/incidents/0/verdict", "cause contributing confidence summary rate_per_second"),
    ("/incidents/0/runners_up/0", "cause confidence why_not"),
    ("/incidents/0/top_sources/0", "address entries entries_error share is_local states owner note"),
    ("/incidents/0/top_peers/0", "address port protocol entries entries_error share service states"),
    ("/incidents/0/top_pairs/0", "source peer port protocol entries share"),
    ("/incidents/0/evidence/0", "id fact for_or_against values from"),
    ("/incidents/0/remedies/0", "id title commands effect side_effects persists"),
    ("/incidents/0/remedies/0/commands/0", "line where undo"),
    ("/incidents/0/remedies/0/effect", "entries_freed_now steady_state_entries note"),
    (
        "/incidents/0/what_if/0",
        "changes traffic entries_freed_now steady_state_entries full_again_seconds assumptions",
    ),
    ("/incidents/0/will_not_help/0", "id reason"),
    ("/findings/0", "host cause summary evidence remedies"),
    ("/assumptions/0", "about text from"),
    ("/gaps/0", "what why command"),
    ("/shared/0", "source peer hosts entries"),
    ("/shared/1/peer", "address port protocol"),
    ("/settings", "zone year host_name hosts since until local top quiet_seconds what_if what_if_traffic"),
];

#[test]
fn words_are_lower_case_kebab_and_times_are_utc() {
    let whole = value(&everything::report());
    for (path, wanted) in [
        ("/incidents/0/start", "2012-04-12T09:17:55Z"),
        ("/incidents/0/end", "2012-04-13T09:17:55.000500Z"),
        ("/incidents/0/time/basis", "boot-tied"),
        ("/incidents/0/snapshots/2/role", "follow-up"),
        ("/incidents/0/drops/widened_by/0", "last-window-unreported"),
        ("/incidents/0/around/0/kind", "syn-flood"),
        ("/incidents/0/namespace/kind", "netns"),
        ("/incidents/0/evidence/0/for_or_against", "for"),
        ("/incidents/0/evidence/1/for_or_against", "against"),
        ("/incidents/0/evidence/2/for_or_against", "context"),
        ("/incidents/1/trust", "unverified"),
        ("/incidents/1/table", "expectation"),
    ] {
        assert_eq!(whole.pointer(path).and_then(Value::as_str), Some(wanted), "{path}");
    }
    for path in
        ["/incidents/1/start", "/incidents/1/since_boot", "/incidents/1/drops/high", "/incidents/1/census"]
    {
        assert_eq!(whole.pointer(path), Some(&Value::Null), "{path}");
    }
}

#[test]
fn what_this_version_never_computes_is_a_gap() {
    let whole = value(&everything::report());
    let gaps: Vec<&str> =
        whole["gaps"].as_array().unwrap().iter().filter_map(|gap| gap["what"].as_str()).collect();
    for field in ["recurrence", "changes", "namespace.owner", "top_sources[].owner", "took_seconds"] {
        assert!(gaps.iter().any(|gap| gap.contains(field)), "{field} has no gap");
    }
    assert_eq!(value(&quiet())["gaps"], Value::Array(vec![]));
}

#[test]
fn a_number_that_is_none_is_null_and_not_zero() {
    let whole = value(&everything::report());
    assert_eq!(whole["incidents"][0]["evidence"][0]["values"]["nonsense"], Value::Null);
    assert_eq!(whole["incidents"][0]["evidence"][0]["values"]["entries"].to_string(), "3");
}

#[test]
fn the_same_report_is_equal_whenever_by_whatever_and_from_whatever_path_it_was_made() {
    let view = web8::report();
    let mut other = view.clone();
    other.generated_at.0 += 1;
    other.inputs.reverse();
    assert_ne!(json(&view), json(&other));
    assert_eq!(report::comparable(&json(&view)), report::comparable(&json(&other)));
    other.incidents[0].incident.drops.low += 1;
    assert_ne!(report::comparable(&json(&view)), report::comparable(&json(&other)));
    assert!(report::comparable("{}").is_err());
    assert!(report::comparable("no json").is_err());
}

#[test]
fn what_several_hosts_share_is_named_once() {
    let mut view = web8::report();
    let mut second = view.incidents[0].clone();
    let mut host = view.hosts[0].clone();
    host.host.name = "web9".into();
    view.hosts.push(host);
    second.incident.host = 1;
    second.body.top_peers.truncate(1);
    second.body.top_sources.truncate(2);
    view.incidents.push(second);
    let shared = value(&view)["shared"].clone();
    assert_eq!(shared.as_array().map(Vec::len), Some(2), "{shared}");
    assert_eq!(shared[0]["peer"]["address"], "192.168.1.107");
    assert_eq!(shared[0]["entries"], 57_804);
    assert_eq!(shared[0]["hosts"], serde_json::json!(["web8", "web9"]));
    // 192.168.1.38 is each host's own: it is not one machine seen twice.
    assert_eq!(shared[1]["source"], "203.0.113.14");
    assert_valid(&report::schema(), &json(&view));
}

#[test]
fn hostile_words_stay_within_their_strings() {
    let whole = json(&everything::report());
    assert!(whole.chars().all(|c| matches!(c, '\n' | ' '..='~' | '≈')), "{whole}");
    let names = &value(&everything::report())["hosts"][0]["name"];
    assert_eq!(names.as_str(), Some(everything::HOSTILE), "JSON keeps what was read");
}

#[test]
fn the_list_of_incidents_validates_against_its_schema() {
    let view = everything::report();
    let rows = view.incidents.iter().map(|incident| incidents::row(&view, incident, Some(4_096))).collect();
    let list = incidents::to_json(rows);
    assert_valid(&incidents::schema(), &list);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["incidents"][0]["cause"], "noisy-tenant");
    assert_eq!(list["incidents"][0]["drops"]["high"], 3_560);
    assert_eq!(list["incidents"][1]["top_source"], Value::Null);
}

#[test]
fn a_manifest_validates_against_its_schema() {
    let manifest = bundle::Manifest {
        captures: vec![bundle::Capture {
            dir: "capture/1-at".into(),
            role: None,
            trigger: None,
            taken_at: None,
            took_seconds: Some(0.5),
            namespace: conntriage::model::incident::Namespace::Netns(7),
            complete: true,
            not_read: vec![("slabinfo".into(), "permission denied".into())],
            entries: Some(30_611),
            duplicates_removed: Some(3),
            note: Some("a walk of 0.1 s".into()),
        }],
        files: vec![bundle::File { path: "manifest.json".into(), bytes: None, sha256: None }],
        ..bundle::Manifest::default()
    };
    assert_valid(&bundle::schema(), &bundle::write(&manifest));
}
