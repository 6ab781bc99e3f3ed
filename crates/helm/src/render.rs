//! A chart, values and capabilities in; every rendered file out.
