//! Names of months as glibc's locales write them with `%b`: `dmesg -T` and `-e` translate theirs.
//!
//! Read out of glibc 2.36 (`locale abmon`) and held against util-linux's dmesg run under these locales: English, German,
//! French, Spanish, Catalan, Italian, Portuguese, Dutch, Danish, Norwegian, Swedish, Finnish, Polish, Czech, Slovak,
//! Hungarian, Romanian, Turkish, Greek, Russian, Ukrainian; Chinese, Japanese and Korean number their months. A name that
//! two of them use means the same month in both. (Croatian `srp` and `lis` would not: it is left out.)

use std::borrow::Cow;

use super::time;

/// Names of each month without their final point, in small letters.
const NAMES: [&[&str]; 12] = [
    &["jan", "janv", "gen", "de gen", "ene", "sty", "led", "tammi", "ian", "oca", "ιαν", "янв", "січ"],
    &["feb", "febr", "de febr", "fév", "févr", "fev", "lut", "úno", "helmi", "şub", "φεβ", "фев", "лют"],
    &["mar", "mars", "mär", "mrt", "març", "de març", "bře", "maalis", "márc", "μαρ", "мар", "бер"],
    &[
        "apr", "april", "avr", "avril", "abr", "d’abr", "kwi", "dub", "huhti", "ápr", "nis", "απρ", "апр",
        "кві",
    ],
    &["mai", "may", "mag", "mei", "maj", "máj", "de maig", "kvě", "touko", "μαΐ", "мая", "май", "тра"],
    &[
        "jun", "juin", "giu", "de juny", "juni", "cze", "čen", "kesä", "jún", "iun", "haz", "ιουν", "июн",
        "чер",
    ],
    &[
        "jul", "juil", "lug", "de jul", "juli", "lip", "čec", "heinä", "júl", "iul", "tem", "ιουλ", "июл",
        "лип",
    ],
    &["aug", "août", "ago", "d’ag", "sie", "srp", "elo", "ağu", "αυγ", "авг", "сер"],
    &["sep", "sept", "set", "de set", "wrz", "zář", "syys", "szept", "eyl", "σεπ", "сен", "вер"],
    &["oct", "okt", "ott", "out", "d’oct", "paź", "říj", "loka", "eki", "οκτ", "окт", "жов"],
    &["nov", "de nov", "lis", "marras", "kas", "νοε", "ноя", "лис"],
    &["dec", "déc", "dez", "dic", "des", "de des", "gru", "pro", "joulu", "ara", "δεκ", "дек", "гру"],
];

/// Behind the number of a month.
const MONTH_SIGNS: [&str; 2] = ["月", "월"];

/// Bytes of the longest name, and some.
const NAME_BYTES_MAX: usize = 24;

/// The month's number, 1 to 12.
pub(super) fn number(name: &[u8]) -> Option<u32> {
    if let Some(english) = time::month_of_name(name) {
        return Some(english);
    }
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    // What is not UTF-8 comes from a locale of the ISO-8859 kind, where é and ä are what they are in Unicode.
    let latin = || name.iter().map(|byte| char::from(*byte)).collect::<String>();
    let text = std::str::from_utf8(name).map_or_else(|_| Cow::Owned(latin()), Cow::Borrowed);
    let text = text.trim();
    if let Some(digits) = MONTH_SIGNS.iter().find_map(|sign| text.strip_suffix(sign)) {
        return digits.parse().ok().filter(|month| (1..=12).contains(month));
    }
    let lower = text.to_lowercase();
    let name = lower.strip_suffix('.').unwrap_or(&lower);
    let place = NAMES.iter().position(|names| names.contains(&name))?;
    u32::try_from(place + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_two_months() {
        let mut all: Vec<&str> = NAMES.concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(NAMES.iter().flat_map(|names| *names).all(|name| name.len() < NAME_BYTES_MAX));
    }

    #[test]
    fn names_of_every_script_are_known() {
        for (name, month) in [
            ("Jan", 1),
            ("Mär", 3),
            ("févr.", 2),
            ("août", 8),
            ("Май", 5),
            ("МАЯ", 5),
            ("11月", 11),
            (" 1月", 1),
            ("12월", 12),
            ("paź", 10),
            ("čec", 7),
            ("d’abr.", 4),
            ("Αυγ", 8),
        ] {
            assert_eq!(number(name.as_bytes()), Some(month), "{name}");
        }
        assert_eq!(number(b"M\xe4r"), Some(3));
        assert_eq!(number(b"ao\xfbt"), Some(8));
        for name in ["", "x", "13月", "0月", "janvier", "Januar aber laaaaaaaaaaaaaaaaaaaang"] {
            assert_eq!(number(name.as_bytes()), None, "{name}");
        }
    }
}
