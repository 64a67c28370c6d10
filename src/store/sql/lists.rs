//! Statements over lists of values, in a few fixed sizes, so that a database need not prepare a new one each time.

use super::{Arg, Sql, SqlResult};

/// The sizes, descending. Close enough that two or three statements hold any list (each one costs the server as much as
/// some ten rows) and that padding adds half at most; few enough to be kept prepared. The largest keeps a statement far
/// below any database's number of parameters.
const SIZES: [usize; 16] = [256, 192, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1];

/// The largest list that one statement takes.
pub(in crate::store) const LIST_MAX: usize = SIZES[0];

/// How many values a statement for `len` values (1 to [`LIST_MAX`]) is made for.
pub(in crate::store) fn padded_len(len: usize) -> usize {
    SIZES.into_iter().rev().find(|&size| size >= len).unwrap_or(LIST_MAX)
}

/// Lists up to here are one piece for [`fewest_pieces`].
const WHOLE_MAX: usize = 32;

/// Cuts a list into pieces that fill statements exactly: for INSERT, where nothing may be padded.
pub(in crate::store) fn exact_pieces<T>(items: &[T]) -> impl Iterator<Item = &[T]> {
    pieces(items, largest_size)
}

/// The same, but a short list is not cut at all: for a statement that is worth being kept prepared in many more sizes.
pub(in crate::store) fn fewest_pieces<T>(items: &[T]) -> impl Iterator<Item = &[T]> {
    pieces(items, |len| if len <= WHOLE_MAX { len } else { largest_size(len) })
}

/// The largest of [`SIZES`] that `len` items (at least one) fill.
fn largest_size(len: usize) -> usize {
    SIZES.into_iter().find(|&size| size <= len).unwrap_or(1)
}

fn pieces<T>(mut items: &[T], size: impl Fn(usize) -> usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        if items.is_empty() {
            return None;
        }
        let (piece, rest) = items.split_at(size(items.len()));
        items = rest;
        Some(piece)
    })
}

/// `item`, `count` times, with `between` in between.
pub(in crate::store) fn repeated(item: &str, between: &str, count: usize) -> String {
    let mut text = String::with_capacity((item.len() + between.len()) * count);
    for place in 0..count {
        if place > 0 {
            text.push_str(between);
        }
        text.push_str(item);
    }
    text
}

/// Writes the rows: `head` is the statement up to VALUES, `row` the parameters of one row.
pub(super) fn insert<'a, T>(
    sql: &mut dyn Sql,
    head: &str,
    row: &str,
    rows: &'a [T],
    args: impl Fn(&'a T, &mut Vec<Arg<'a>>) -> SqlResult<()>,
) -> SqlResult<()> {
    for piece in exact_pieces(rows) {
        let statement = format!("{head} VALUES {}", repeated(row, ", ", piece.len()));
        let mut all = Vec::new();
        piece.iter().try_for_each(|item| args(item, &mut all))?;
        sql.run(&statement, &all)?;
    }
    Ok(())
}

/// A piece of a list as the statements that only look up take it.
pub(in crate::store) struct Lookup<'a> {
    /// For how many values the statement is made.
    pub(in crate::store) len: usize,
    /// The parameters; the last value is repeated to fill the statement, which finds nothing more.
    pub(in crate::store) args: Vec<Arg<'a>>,
}

/// Cuts a list into look-ups; `args` makes the parameters of one value.
pub(in crate::store) fn lookups<'a, T: Copy, const N: usize>(
    items: &[T],
    args: impl Fn(T) -> [Arg<'a>; N],
) -> impl Iterator<Item = Lookup<'a>> {
    items.chunks(LIST_MAX).map(move |piece| {
        let len = padded_len(piece.len());
        let padding = piece.last().into_iter().cycle().take(len - piece.len());
        Lookup { len, args: piece.iter().chain(padding).flat_map(|&item| args(item)).collect() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_fill_statements_exactly_and_lose_nothing() {
        for len in (0..600).chain([1000]) {
            let items: Vec<usize> = (0..len).collect();
            let pieces: Vec<&[usize]> = exact_pieces(&items).collect();
            assert!(pieces.iter().all(|piece| SIZES.contains(&piece.len())));
            assert_eq!(pieces.concat(), items);
            assert!(pieces.len() <= 4 + len / LIST_MAX, "{len} takes {} statements", pieces.len());
        }
    }

    #[test]
    fn the_fewest_pieces_leave_short_lists_whole() {
        for len in 0..600 {
            let items: Vec<usize> = (0..len).collect();
            let pieces: Vec<&[usize]> = fewest_pieces(&items).collect();
            assert!(pieces.iter().all(|piece| SIZES.contains(&piece.len()) || piece.len() <= WHOLE_MAX));
            assert_eq!(pieces.concat(), items);
            assert!(len == 0 || len > WHOLE_MAX || pieces.len() == 1, "{len} takes {} statements", pieces.len());
        }
    }

    #[test]
    fn lookups_are_padded_with_the_last_value() {
        let items: Vec<i64> = (0..261).collect();
        let found: Vec<Lookup<'_>> = lookups(&items, |item| [Arg::Int(item)]).collect();
        assert_eq!(found.iter().map(|lookup| lookup.len).collect::<Vec<_>>(), [256, 6]);
        assert_eq!(found[1].args.len(), 6);
        assert!(matches!(found[1].args[5], Arg::Int(260)));
        assert_eq!(lookups(&[] as &[i64], |item| [Arg::Int(item)]).count(), 0);
    }

    #[test]
    fn lists_are_written_out() {
        assert_eq!(repeated("(?,?)", ", ", 2), "(?,?), (?,?)");
        assert_eq!(repeated("?", ",", 0), "");
    }
}
