//! What may be needed: images of values that are not rendered, and what charts say of themselves.

use std::collections::BTreeSet;

use airlock_types::{Reference, Repository, Tag};

use super::found::{Content, Finding, Gap, Place, Source};
use super::sink::Sink;
use super::text;
use super::walk::{Scope, Trust, Walker};
use super::{Class, Rule};
use crate::call::Budget;
use crate::chart::Chart;
use crate::format::{deeper, from_yaml_kept};
use crate::value::Value;

/// Images in the values of a chart.
pub(super) fn values(sink: &mut Sink, chart: &Chart, name: &str, values: &Value) {
    let source = Source {
        chart: Some(name.into()),
        file: "values.yaml".into(),
    };
    let before = sink.findings.len();
    Walker::new(sink, &source, Trust::Values).value(values, Scope::new(Trust::Values));
    // A repository alone means the version of the chart that it is for, as nearly every chart has it.
    let mut open = Vec::new();
    let mut at = 0;
    sink.findings.retain_mut(|finding| {
        at += 1;
        if at <= before || finding.rule != Rule::ValuesVersion {
            return true;
        }
        let version = version_of(chart, &finding.place.path);
        if let Ok(tag) = version.parse::<Tag>() {
            finding.reference.tag = Some(tag);
            return true;
        }
        open.push((finding.written.clone(), finding.place.clone()));
        false
    });
    for (repository, place) in open {
        sink.notice(Gap::Incomplete, &repository, place);
    }
}

/// The `appVersion` of the chart whose values a path leads to.
fn version_of<'c>(chart: &'c Chart, path: &str) -> &'c str {
    let mut chart = chart;
    for key in path.split('.') {
        let aliased = |one: &&crate::Dependency| one.alias == key && !key.is_empty();
        let name = chart
            .metadata()
            .dependencies
            .iter()
            .find(aliased)
            .map_or(key, |one| one.name.as_str());
        match chart
            .dependencies()
            .iter()
            .find(|below| below.metadata().name == name)
        {
            Some(below) => chart = below,
            None => break,
        }
    }
    &chart.metadata().app_version
}

/// What `Chart.yaml`, `Images.lock` and `values.yaml` say, of a chart and of those below it.
pub(super) fn chart(sink: &mut Sink, chart: &Chart, above: &str) {
    let name = &chart.metadata().name;
    let name = if above.is_empty() {
        name.clone()
    } else {
        format!("{above}/{name}")
    };
    for (key, text) in &chart.metadata().annotations {
        if matches!(key.as_str(), "artifacthub.io/images" | "images") {
            let place = place(&name, "Chart.yaml", &format!("annotations[{key:?}]"));
            listed(sink, text, Rule::ChartAnnotation, &place);
        }
    }
    // A chart that is off adds nothing to the values of the one above it.
    values(sink, chart, &name, &chart.values.value());
    for file in chart.files() {
        if file.path.eq_ignore_ascii_case("images.lock") {
            let text = String::from_utf8_lossy(&file.bytes);
            let place = place(&name, &file.path, "");
            listed(sink, &text, Rule::ImagesLock, &place);
        }
    }
    for below in chart.dependencies() {
        deeper(|| self::chart(sink, below, &name));
    }
}

fn place(chart: &str, file: &str, path: &str) -> Place {
    Place {
        source: Source {
            chart: Some(chart.into()),
            file: file.into(),
        },
        object: None,
        path: path.to_owned(),
    }
}

/// The images of a list: strings, or maps with a key `image`.
fn listed(sink: &mut Sink, text: &str, rule: Rule, place: &Place) {
    if !sink.take(text.len(), &place.source) {
        return;
    }
    let mut budget = Budget::new(1_000_000, 64 << 20);
    let value = match from_yaml_kept(text.as_bytes(), &mut budget) {
        Ok(value) => value,
        Err(error) => {
            let text = format!("the list of images cannot be read: {error}");
            return sink.notice(Gap::Unread, &text, place.clone());
        }
    };
    let items = match &value {
        Value::Map(map) => map.get(b"images").unwrap_or_default(),
        other => other.clone(),
    };
    let Value::List(items) = items else {
        return;
    };
    for (at, item) in items.iter().enumerate() {
        let image = match item {
            Value::Map(map) => map.get(b"image").unwrap_or_default(),
            other => other.clone(),
        };
        let Value::String(image) = image else {
            continue;
        };
        let image = image.text();
        let place = Place {
            path: format!("{}[{at}]", place.path),
            ..place.clone()
        };
        match text::read(&image) {
            Some(read) => sink.add(read.reference, Content::Image, rule, &image, place),
            None => sink.notice(Gap::Unreadable, &image, place),
        }
    }
}

/// Drops what is only possible where it is rendered as well.
pub(super) fn keep_what_is_not_rendered(findings: &mut Vec<Finding>) {
    let rendered = findings.iter().filter(|finding| finding.class < Class::Possible);
    let references: BTreeSet<Reference> = rendered.map(|finding| finding.reference.clone()).collect();
    let repositories: BTreeSet<Repository> = references
        .iter()
        .map(|reference| reference.repository.clone())
        .collect();
    findings.retain(|finding| match finding.rule {
        Rule::ValuesVersion => !repositories.contains(&finding.reference.repository),
        rule if rule.class() == Class::Possible => !references.contains(&finding.reference),
        _ => true,
    });
}
