//! Values by prefixes of digits: one array of ten places per digit of a prefix. A look-up is one step per digit of the
//! number at most, and allocates nothing.

const DIGITS: usize = 10;
/// The root is never a child, so its number stands for "no child".
const NONE: u32 = 0;

/// Values by prefix.
#[derive(Clone, Debug)]
pub(crate) struct DigitTrie<V> {
    nodes: Vec<Node>,
    values: Vec<V>,
}

#[derive(Clone, Debug)]
struct Node {
    children: [u32; DIGITS],
    /// Index into the values, plus one; zero: no prefix ends here.
    value: u32,
}

impl Node {
    const EMPTY: Self = Self { children: [NONE; DIGITS], value: 0 };
}

impl<V> Default for DigitTrie<V> {
    fn default() -> Self {
        Self { nodes: vec![Node::EMPTY], values: Vec::new() }
    }
}

impl<V: Default> DigitTrie<V> {
    /// The value of that prefix, a fresh one if there was none; `None` when it is not written in digits.
    pub(crate) fn place(&mut self, prefix: &[u8]) -> Option<&mut V> {
        if !prefix.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut at = 0;
        for digit in prefix {
            let digit = usize::from(digit - b'0');
            at = match self.nodes[at].children[digit] {
                NONE => {
                    let child = self.nodes.len();
                    self.nodes.push(Node::EMPTY);
                    self.nodes[at].children[digit] = number(child);
                    child
                }
                child => child as usize,
            };
        }
        if self.nodes[at].value == 0 {
            self.values.push(V::default());
            self.nodes[at].value = number(self.values.len());
        }
        let value = self.nodes[at].value as usize - 1;
        Some(&mut self.values[value])
    }
}

impl<V> DigitTrie<V> {
    /// All values, in the order in which their prefixes came.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut()
    }

    /// The values of all prefixes of `digits`, the shortest first, each with whether it is all of them.
    pub(crate) fn prefixes_of<'a>(&'a self, digits: &'a [u8]) -> impl Iterator<Item = (&'a V, bool)> {
        let mut at = Some(0_usize);
        let mut depth = 0;
        std::iter::from_fn(move || {
            while let Some(node) = at.map(|at| &self.nodes[at]) {
                let whole = depth == digits.len();
                at = digits.get(depth).and_then(|octet| match octet {
                    b'0'..=b'9' => match node.children[usize::from(octet - b'0')] {
                        NONE => None,
                        child => Some(child as usize),
                    },
                    _ => None,
                });
                depth += 1;
                if node.value != 0 {
                    return Some((&self.values[node.value as usize - 1], whole));
                }
            }
            None
        })
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a configuration has fewer than 2^32 digits of prefixes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(prefixes: &[&str]) -> DigitTrie<String> {
        let mut trie = DigitTrie::default();
        for prefix in prefixes {
            *trie.place(prefix.as_bytes()).expect("digits") = (*prefix).to_owned();
        }
        trie
    }

    fn found(trie: &DigitTrie<String>, digits: &str) -> Vec<(String, bool)> {
        trie.prefixes_of(digits.as_bytes()).map(|(value, whole)| (value.clone(), whole)).collect()
    }

    #[test]
    fn all_prefixes_of_a_number_are_found_the_shortest_first() {
        let trie = trie(&["46", "", "4670", "47", "46701"]);
        let expected = [("", false), ("46", false), ("4670", true)].map(|(prefix, whole)| (prefix.to_owned(), whole));
        assert_eq!(found(&trie, "4670"), expected);
        assert_eq!(found(&trie, "1"), [(String::new(), false)]);
    }

    #[test]
    fn what_is_no_digit_ends_the_search() {
        let trie = trie(&["46", "460"]);
        assert_eq!(found(&trie, "46x0"), [("46".to_owned(), false)]);
        assert_eq!(found(&trie, "+46"), []);
    }

    #[test]
    fn a_prefix_of_letters_has_no_place() {
        assert!(DigitTrie::<u8>::default().place(b"46a").is_none());
    }
}
