//! Functions over strings.

mod abbreviate;
mod base;
mod case;
mod pad;
mod split;
mod trim;

pub(super) use base::{decode_base64, encode_base64};

use super::{
    args::{any, boolean_value, bytes, functions, int, string},
    text,
};

functions! {
    "hello" () |_, _| Ok("Hello!".into());
    "upper" (String) case::upper;
    "lower" (String) case::lower;
    "title" (String) case::title;
    "untitle" (String) case::untitle;
    "swapcase" (String) case::swapcase;
    "initials" (String) case::initials;
    "snakecase" (String) |call, a| case::separated(call, a, '_');
    "kebabcase" (String) |call, a| case::separated(call, a, '-');
    "camelcase" (String) case::pascal;

    "trim" (String) trim::space;
    "trimAll" (String, String) trim::all;
    "trimall" (String, String) trim::all;
    "trimPrefix" (String, String) trim::prefix;
    "trimSuffix" (String, String) trim::suffix;
    "nospace" (String) trim::no_space;

    "contains" (String, String) |_, a| boolean_value(memchr::memmem::find(string(a, 1)?, string(a, 0)?).is_some());
    "hasPrefix" (String, String) |_, a| boolean_value(string(a, 1)?.starts_with(string(a, 0)?));
    "hasSuffix" (String, String) |_, a| boolean_value(string(a, 1)?.ends_with(string(a, 0)?));

    "trunc" (Int, String) abbreviate::trunc;
    "substr" (Int, Int, String) abbreviate::substr;
    "abbrev" (Int, String) abbreviate::abbrev;
    "abbrevboth" (Int, Int, String) abbreviate::abbrev_both;

    "repeat" (Int, String) pad::repeat;
    "indent" (Int, String) pad::indent;
    "nindent" (Int, String) pad::nindent;
    "wrap" (Int, String) pad::wrap;
    "wrapWith" (Int, String, String) pad::wrap_with;

    "replace" (String, String, String) split::replace;
    "split" (String, String) split::split;
    "splitn" (String, Int, String) split::splitn;
    "splitList" (String, String) split::split_list;
    "join" (String, Any) split::join;
    "toStrings" (Any) split::to_strings;
    "sortAlpha" (Any) split::sort_alpha;

    "quote" (; Any) |call, a| pad::each(call, a, |call, value| {
        Ok(text::quoted(&text::strval(call.budget, value)?))
    });
    "squote" (; Any) |call, a| pad::each(call, a, |call, value| {
        Ok([b"'", text::print(call.budget, value)?.as_bytes(), b"'"].concat())
    });
    "cat" (; Any) |call, a| pad::each(call, a, |call, value| {
        Ok(text::print(call.budget, value)?.to_vec())
    });
    "plural" (String, String, Int) |_, a| {
        let (one, many) = (string(a, 0)?, string(a, 1)?);
        Ok(if int(a, 2)? == 1 { one } else { many }.clone().into())
    };
    "toString" (Any) |call, a| Ok(text::strval(call.budget, any(a, 0))?.into());
    "regexQuoteMeta" (String) |call, a| {
        let text = string(a, 0)?;
        let mut out = Vec::with_capacity(text.len());
        for byte in text.iter() {
            if br"\.+*?()|[]{}^$".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        bytes(call, out)
    };

    "b64enc" (String) base::enc64;
    "b64dec" (String) base::dec64;
    "b32enc" (String) base::enc32;
    "b32dec" (String) base::dec32;
}
