// ---- shared by the forms of the convolutions ----

struct Params {
    n: u32,
    h: u32,
    w: u32,
    ci: u32,
    co: u32,
    relu: u32,
    add: u32,
    mask: u32,
    @size(16) rows: u32,
}

// The pixels of a workgroup.
struct Tile {
    exists: bool,
    n: u32,
    row: u32,
    column: u32,
}

// Tile of a number, where all have so many rows and columns.
fn tile(index: u32, rows: u32, columns: u32) -> Tile {
    let across = (params.w + columns - 1u) / columns;
    let down = (params.h + rows - 1u) / rows;
    let n = index / across / down;
    return Tile(n < params.n, n, index / across % down * rows, index % across * columns);
}

