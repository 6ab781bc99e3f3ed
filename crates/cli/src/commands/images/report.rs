//! What was found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use airlock_closure::Needs;
use airlock_helm::images::{Class, Content, Object, Place};
use airlock_spec::manifest::{ImageRequest, ImageSource};
use airlock_types::Reference;
use serde::Serialize;

use crate::failure::tamed;

/// How much of one text is shown.
const SHOWN: usize = 300;

/// All images, and all that could not be told.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    images: Vec<Image>,
    unknowns: Vec<Unknown>,
    /// How many images are less sure than was asked for.
    #[serde(skip)]
    hidden: usize,
    #[serde(skip)]
    by_reference: BTreeMap<String, Image>,
}

/// Where a manifest of Airlock has what needs something.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) component: String,
    pub(super) entry: String,
}

/// One image with everything that needs it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    reference: String,
    #[serde(serialize_with = "name_of_class")]
    class: Class,
    #[serde(serialize_with = "name_of_content")]
    content: Content,
    needs: Vec<Need>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Need {
    rule: &'static str,
    #[serde(serialize_with = "name_of_class")]
    class: Class,
    #[serde(flatten)]
    place: PlaceView,
    written: String,
}

/// What a person has to look at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Unknown {
    gap: &'static str,
    text: String,
    #[serde(flatten)]
    place: PlaceView,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlaceView {
    #[serde(flatten)]
    entry: Option<Entry>,
    chart: Option<String>,
    file: String,
    object: Option<ObjectView>,
    path: String,
    variant: Option<String>,
    #[serde(skip)]
    shown: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectView {
    api_version: String,
    kind: String,
    namespace: Option<String>,
    name: String,
    hook: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn name_of_class<S: serde::Serializer>(class: &Class, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(class.name())
}

const fn content_name(content: Content) -> &'static str {
    match content {
        Content::Image => "image",
        Content::Artifact => "artifact",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn name_of_content<S: serde::Serializer>(content: &Content, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(content_name(*content))
}

impl Report {
    /// Adds what one chart or some manifests need.
    pub(super) fn add(&mut self, entry: Option<&Entry>, needs: &Needs) {
        for need in &needs.needs {
            let finding = &need.finding;
            let need = Need {
                rule: finding.rule.name(),
                class: finding.class,
                place: PlaceView::of(entry, &finding.place, need.variant.as_ref()),
                written: finding.written.clone(),
            };
            self.need(finding.reference.to_string(), finding.content, need);
        }
        for unknown in &needs.unknowns {
            self.unknowns.push(Unknown {
                gap: unknown.notice.gap.name(),
                text: unknown.notice.text.clone(),
                place: PlaceView::of(entry, &unknown.notice.place, unknown.variant.as_ref()),
            });
        }
    }

    /// Adds an image that a manifest of Airlock asks for itself.
    pub(super) fn own(&mut self, entry: Entry, file: &Path, image: &ImageRequest) {
        let reference = match &image.source {
            ImageSource::Registry { reference } => {
                let mut reference: Reference = reference.clone();
                if reference.digest.is_none() {
                    reference.tag = Some(reference.tag_or_latest());
                }
                reference.to_string()
            }
            // It is here, and no registry is asked for it.
            _ => image.name.clone(),
        };
        let path = entry.entry.clone();
        let need = Need {
            rule: "manifest",
            class: Class::Sure,
            place: PlaceView {
                shown: file.display().to_string(),
                entry: Some(entry),
                chart: None,
                file: file.display().to_string(),
                object: None,
                path,
                variant: None,
            },
            written: image.name.clone(),
        };
        self.need(reference, Content::Image, need);
    }

    fn need(&mut self, reference: String, content: Content, need: Need) {
        let image = self
            .by_reference
            .entry(reference.clone())
            .or_insert_with(|| Image {
                reference,
                class: need.class,
                content,
                needs: Vec::new(),
            });
        if need.class < image.class {
            image.class = need.class;
            image.content = content;
        }
        image.needs.push(need);
    }

    /// Adds what may need images and was not searched.
    pub(super) fn left_out(&mut self, names: &[(String, &'static str)]) {
        for (name, what) in names {
            self.unknowns.push(Unknown {
                gap: "unread",
                text: (*what).to_owned(),
                place: PlaceView {
                    entry: None,
                    chart: None,
                    file: name.clone(),
                    object: None,
                    path: String::new(),
                    variant: None,
                    shown: name.clone(),
                },
            });
        }
    }

    /// Leaves out what is less sure. Nothing is added after this.
    pub(super) fn keep(&mut self, class: Class) {
        for (_, mut image) in std::mem::take(&mut self.by_reference) {
            if image.class > class {
                self.hidden += 1;
                continue;
            }
            image
                .needs
                .sort_by_key(|need| (need.place.variant.is_some(), need.class));
            self.images.push(image);
        }
    }

    /// One image a line.
    pub(super) fn text(&self, why: bool) -> String {
        let mut out = String::new();
        let widths = self.images.iter().map(|image| image.reference.chars().count());
        let width = widths.max().unwrap_or_default().min(100);
        for image in &self.images {
            let mut facts = Vec::new();
            if image.content == Content::Artifact {
                facts.push("no image, but another artifact".to_owned());
            }
            if let Some(variant) = image.variant() {
                facts.push(format!("with {}", short(variant)));
            }
            let line = format!(
                "{:width$}  {:8}  {}",
                image.reference,
                image.class,
                facts.join("; ")
            );
            let _ = writeln!(out, "{}", tamed(&line).trim_end());
            if why {
                for need in &image.needs {
                    let _ = writeln!(out, "{}", tamed(&need.line()).trim_end());
                }
            }
        }
        out.push_str(&self.summary());
        if !self.unknowns.is_empty() {
            let _ = writeln!(out, "\nnobody can tell from the text, so a person has to look:");
            for unknown in &self.unknowns {
                let line = format!(
                    "  {:10}  {}: {}",
                    unknown.gap,
                    unknown.place.line(),
                    short(&unknown.text)
                );
                let _ = writeln!(out, "{}", tamed(&line).trim_end());
            }
        }
        out
    }

    fn summary(&self) -> String {
        let count = |class| self.images.iter().filter(|image| image.class == class).count();
        let mut out = format!(
            "{}: {} sure, {} probable, {} possible",
            counted(self.images.len(), "image"),
            count(Class::Sure),
            count(Class::Probable),
            count(Class::Possible)
        );
        let variants = self.images.iter().filter(|image| image.variant().is_some());
        match variants.count() {
            0 => {}
            count => {
                let _ = write!(out, "; {count} with a variant only");
            }
        }
        if self.hidden > 0 {
            let _ = write!(out, "; {} less sure, not shown", self.hidden);
        }
        match self.unknowns.len() {
            0 => {}
            count => {
                let _ = write!(out, "; {}", counted(count, "gap"));
            }
        }
        out.push('\n');
        out
    }
}

impl Image {
    /// The variant that needs it, if it is not needed as it is deployed.
    fn variant(&self) -> Option<&str> {
        let first = self.needs.first()?;
        first.place.variant.as_deref()
    }
}

impl Need {
    fn line(&self) -> String {
        format!(
            "    {} {}: {}{}",
            self.class,
            self.rule,
            self.place.line(),
            if self.place.path.is_empty() {
                String::new()
            } else {
                format!(" = {}", short(&self.written))
            }
        )
    }
}

impl PlaceView {
    fn of(entry: Option<&Entry>, place: &Place, variant: Option<&String>) -> Self {
        let source = &place.source;
        Self {
            entry: entry.cloned(),
            chart: source.chart.as_ref().map(ToString::to_string),
            file: source.file.to_string(),
            object: place.object.as_ref().map(|object| ObjectView::of(object)),
            path: place.path.clone(),
            variant: variant.cloned(),
            shown: place.to_string(),
        }
    }

    fn line(&self) -> String {
        let mut out = String::new();
        if let Some(Entry { component, entry }) = &self.entry {
            let _ = write!(out, "{component} → {entry} → ");
        }
        out.push_str(self.shown.trim());
        if let Some(variant) = &self.variant {
            let _ = write!(out, " (with {})", short(variant));
        }
        out
    }
}

impl ObjectView {
    fn of(object: &Object) -> Self {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Self {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            namespace: given(&object.namespace),
            name: object.name.clone(),
            hook: given(&object.hook),
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A text on one line, and not all of a long one.
fn short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
