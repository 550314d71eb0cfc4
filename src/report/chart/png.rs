//! A drawing as PNG, for mail programs that show no SVG. Without words: no font is needed, and whoever shows the picture sets
//! its words beside it ([`super::timeline::Words::Beside`]).
//!
//! Nothing stands behind the shapes, and their colours are of middle lightness, so that they are seen on a white page and on
//! a black one (3 : 1 at least on both, WCAG 1.4.11): a mail program turns the page dark, not the picture.

use tiny_skia::{Color, Paint, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::drawing::{Drawing, Role, Shape};

/// Pixels of the picture for one of the drawing: screens of today have two.
const SCALE: f32 = 2.0;
/// As in SVG.
const STROKE: f32 = 1.5;
/// Pixels of the drawing in either direction; a larger one is not drawn.
const SIDE_MAX: f64 = 2_000.0;

/// Red, green, blue: seen on white and on black.
pub fn colour(role: Role) -> [u8; 3] {
    match role {
        Role::Text | Role::Dim | Role::Limit => [0x7d, 0x86, 0x8f],
        Role::Grid => [0x9a, 0xa3, 0xab],
        Role::Visible | Role::Mark => [0xd9, 0x4a, 0x3d],
        Role::Suppressed => [0xc2, 0x75, 0x1b],
        Role::Lost => [0xb4, 0x4f, 0x9c],
        Role::Entries => [0x3b, 0x80, 0xd0],
    }
}

/// The picture's bytes, the same for the same drawing; none where it has no extent or a senseless one.
pub fn write(drawing: &Drawing) -> Option<Vec<u8>> {
    let mut picture = Pixmap::new(pixels(drawing.width)?, pixels(drawing.height)?)?;
    let scale = Transform::from_scale(SCALE, SCALE);
    for shape in &drawing.shapes {
        match shape {
            Shape::Rect(role, x, y, w, h) => {
                let [x, y, w, h] = [x, y, w, h].map(|side| narrow(*side));
                if let Some(rect) = Rect::from_xywh(x, y, w, h) {
                    picture.fill_rect(rect, &paint(*role), scale, None);
                }
            }
            Shape::Line(role, points) => {
                let mut path = PathBuilder::new();
                for (at, (x, y)) in points.iter().enumerate() {
                    let (x, y) = (narrow(*x), narrow(*y));
                    if at == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
                }
                let stroke = Stroke { width: STROKE, ..Stroke::default() };
                if let Some(path) = path.finish() {
                    picture.stroke_path(&path, &paint(*role), &stroke, scale, None);
                }
            }
            Shape::Text(..) => {}
        }
    }
    picture.encode_png().ok()
}

fn paint(role: Role) -> Paint<'static> {
    let [red, green, blue] = colour(role);
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(Color::from_rgba8(red, green, blue, 0xff));
    paint
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 4,000")]
fn pixels(side: f64) -> Option<u32> {
    ((1.0..=SIDE_MAX).contains(&side)).then(|| (side * f64::from(SCALE)).ceil() as u32)
}

#[expect(clippy::cast_possible_truncation, reason = "a place within a picture of at most 2,000 pixels")]
fn narrow(side: f64) -> f32 {
    side as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(shapes: Vec<Shape>) -> Drawing {
        Drawing { width: 40.0, height: 20.0, title: String::new(), keys: vec![], ends: None, shapes }
    }

    /// Relative luminance (WCAG 2).
    fn luminance(rgb: [u8; 3]) -> f64 {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(rgb[0]) + 0.7152 * part(rgb[1]) + 0.0722 * part(rgb[2])
    }

    #[test]
    fn every_colour_that_tells_something_is_seen_on_white_and_on_black() {
        for role in [Role::Visible, Role::Suppressed, Role::Lost, Role::Entries, Role::Limit, Role::Mark] {
            let light = luminance(colour(role));
            let dark_page = luminance([0x1e, 0x1e, 0x1e]);
            let contrasts = [1.05 / (light + 0.05), (light + 0.05) / (dark_page + 0.05)];
            assert!(contrasts.iter().all(|contrast| *contrast >= 3.0), "{role:?}: {contrasts:?}");
        }
    }

    #[test]
    fn shapes_stand_where_they_are_drawn_on_nothing() {
        let bytes = write(&drawing(vec![
            Shape::Rect(Role::Visible, 10.0, 5.0, 20.0, 10.0),
            Shape::Line(Role::Entries, vec![(0.0, 2.0), (40.0, 2.0)]),
        ]));
        let picture = Pixmap::decode_png(&bytes.unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (80, 40));
        let at = |x, y| picture.pixel(x, y).unwrap().demultiply();
        let rgba = |role| {
            let [r, g, b] = colour(role);
            (r, g, b, 0xff)
        };
        let seen = |x, y| (at(x, y).red(), at(x, y).green(), at(x, y).blue(), at(x, y).alpha());
        assert_eq!(seen(40, 20), rgba(Role::Visible));
        assert_eq!(seen(40, 4), rgba(Role::Entries));
        assert_eq!(at(2, 38).alpha(), 0);
    }

    #[test]
    fn what_cannot_be_drawn_is_no_picture_and_no_panic() {
        for (width, height) in
            [(0.0, 10.0), (10.0, f64::NAN), (f64::INFINITY, 10.0), (10.0, -3.0), (9e9, 9e9)]
        {
            assert_eq!(write(&Drawing { width, height, ..drawing(vec![]) }), None);
        }
        let strange = vec![
            Shape::Rect(Role::Grid, f64::NAN, 0.0, 1.0, 1.0),
            Shape::Rect(Role::Grid, 0.0, 0.0, -1.0, f64::INFINITY),
            Shape::Line(Role::Limit, vec![]),
            Shape::Line(Role::Limit, vec![(f64::NAN, 1e300), (1.0, 1.0)]),
        ];
        assert!(write(&drawing(strange)).is_some());
    }
}
