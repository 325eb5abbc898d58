//! What the shop sells.

/// One article.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) category: &'static str,
    /// In euro cents.
    pub(crate) price_cents: u64,
}

/// The whole range. Popularity falls along the list, see [`popular`].
pub(crate) const PRODUCTS: [Product; 24] = [
    product("bowl-oak", "Oak bowl", "kitchen", 3_900),
    product("kettle-iron", "Iron kettle", "kitchen", 8_450),
    product("ladle-birch", "Birch ladle", "kitchen", 950),
    product("cup-horn", "Horn cup", "kitchen", 1_800),
    product("knife-herb", "Herb knife", "kitchen", 2_690),
    product("cauldron-3l", "Cauldron, 3 litres", "kitchen", 12_900),
    product("cloak-wool", "Wool cloak", "clothing", 15_900),
    product("mitten-pair", "Pair of mittens", "clothing", 2_450),
    product("belt-leather", "Leather belt", "clothing", 3_300),
    product("cap-felt", "Felt cap", "clothing", 2_100),
    product("boots-winter", "Winter boots", "clothing", 18_900),
    product("scarf-blue", "Blue scarf", "clothing", 1_990),
    product("rope-20m", "Rope, 20 metres", "boat", 2_750),
    product("oar-ash", "Ash oar", "boat", 6_400),
    product("lantern-deck", "Deck lantern", "boat", 5_200),
    product("anchor-small", "Small anchor", "boat", 9_800),
    product("sail-patch", "Sail patch", "boat", 1_250),
    product("bailer-tin", "Tin bailer", "boat", 890),
    product("runes-set", "Set of runes", "games", 2_990),
    product("board-tafl", "Tafl board", "games", 7_900),
    product("dice-bone", "Bone dice", "games", 690),
    product("harp-small", "Small harp", "games", 24_900),
    product("flute-elder", "Elder flute", "games", 3_450),
    product("puzzle-ring", "Puzzle ring", "games", 1_490),
];

/// What visitors type into the search field.
pub(crate) const SEARCHES: [&str; 6] = ["bowl", "gift", "wool", "boat", "blue", "winter"];

/// The article with this ID, if the shop sells it.
pub(crate) fn find(id: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}

/// An article for a number from 0 to 1, the first ones of the list far more often than the last.
pub(crate) fn popular(fraction: f64) -> &'static Product {
    &PRODUCTS[(fraction * fraction * PRODUCTS.len() as f64) as usize % PRODUCTS.len()]
}

const fn product(
    id: &'static str,
    name: &'static str,
    category: &'static str,
    price_cents: u64,
) -> Product {
    Product { id, name, category, price_cents }
}
