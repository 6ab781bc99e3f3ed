//! The rules by their names, and how sure each makes.

use std::fmt;

/// How sure it is that an image is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It stands where Kubernetes or an operator takes an image from.
    Sure,
    /// It is written in a way that only makes sense for an image, and something will most likely pull it.
    Probable,
    /// It is needed when something is switched on that is off now, or somebody says so without proof.
    Possible,
}

impl Class {
    /// The name in outputs and decisions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sure => "sure",
            Self::Probable => "probable",
            Self::Possible => "possible",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident $class:ident $name:literal $says:literal;)*) => {
        /// Why something was taken for an image. `docs/images.md` has an example of each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $says] $variant,)*
        }

        impl Rule {
            /// All of them, in the order of classes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in outputs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// How sure the rule makes.
            pub const fn class(self) -> Class {
                match self {
                    $(Self::$variant => Class::$class,)*
                }
            }

            /// The rule in a sentence.
            pub const fn says(self) -> &'static str {
                match self {
                    $(Self::$variant => $says,)*
                }
            }
        }
    };
}

rules! {
    PodSpec Sure "pod-spec" "The image of a container in a list of containers, wherever the list is.";
    PodVolume Sure "pod-volume" "The image that a volume of a pod mounts.";
    Container Sure "container" "The image of an object that has the fields of a container.";
    ImageKey Sure "image-key" "The value of a key that names an image, with a registry, a tag or a digest.";
    ImageMap Sure "image-map" "Repository and tag or digest, with or without a registry, that are one image.";
    ImageStream Sure "docker-image" "A source of the kind `DockerImage`.";
    ImageWord Probable "image-word" "The value of a key that names an image, without a registry, a tag or a digest.";
    Argument Probable "argument" "The value of an argument that names an image, in one word or in two.";
    ArgumentReference Probable "argument-reference" "A whole reference among arguments and commands.";
    Environment Probable "environment" "The value of a variable or parameter that names an image.";
    EnvironmentReference Probable "environment-reference" "A whole reference in the value of a variable or parameter.";
    EmbeddedKey Probable "embedded-key" "The value of a key that names an image, in a document inside a string.";
    EmbeddedMap Probable "embedded-map" "Repository and tag that are one image, in a document inside a string or in values for another chart.";
    EmbeddedReference Probable "embedded-reference" "A whole reference in a text of a ConfigMap, a Secret or another string.";
    Sibling Probable "sibling-keys" "Keys of one prefix that are an image together: `x.repository` and `x.tag`.";
    Hub Probable "hub" "The name of an image below a hub and a tag.";
    Reference Probable "reference" "A string that is a whole reference, with registry and tag or digest.";
    AnnotationKey Probable "annotation" "An annotation of an object whose name says image.";
    ArtifactReference Probable "artifact" "An OCI artifact that is no image, by a key that is known.";
    Operator Probable "operator" "What an operator pulls, as far as it follows from what is rendered.";
    Values Possible "values" "An image in the values of a chart that is not rendered.";
    ValuesVersion Possible "values-app-version" "A repository without a tag in values, with the version that the chart says.";
    ChartAnnotation Possible "chart-annotation" "What the annotations of Chart.yaml list.";
    ImagesLock Possible "images-lock" "What the Images.lock of a chart lists.";
    FluxSource Possible "flux-source" "An OCI artifact that Flux fetches.";
    SchemaDefault Possible "schema-default" "What a CRD says an image is by default.";
    AnnotationReference Possible "annotation-reference" "A whole reference in an annotation of an object.";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
