//! What can be asked for rows can be fused, judged and drawn.

use std::ops::Range;

use crate::tiff::{Block, Header, Raster, Source, TiffError, Window};

/// An image that gives its pixels on demand, with their validity: from memory, from files, or a part of another.
pub trait Image: Send + Sync {
    /// What is known of it without its pixels.
    fn header(&self) -> &Header;

    /// Some rows and columns, `[h, w, C]`.
    ///
    /// # Errors
    /// What reading the files behind it gives.
    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError>;

    /// Where some rows and columns are valid, `[h, w]`; `None`: everywhere.
    ///
    /// # Errors
    /// What reading the files behind it gives.
    fn validity(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Option<Vec<bool>>, TiffError> {
        Ok(self.block(rows, columns)?.valid)
    }

    /// All of it in memory.
    ///
    /// # Errors
    /// What reading the files behind it gives.
    fn raster(&self) -> Result<Raster, TiffError> {
        let header = self.header().clone();
        let Block { data, valid } = self.block(0..header.height, 0..header.width)?;
        Ok(Raster { header, data, valid })
    }

    /// Lets it hold about this many bytes of decoded pixels beside those that it gives.
    fn limit(&mut self, _bytes: u64) {}

    /// Row and column of a pixel in the file, for messages.
    fn in_file(&self, pixel: [usize; 2]) -> [usize; 2] {
        pixel
    }
}

impl Image for Raster {
    fn header(&self) -> &Header {
        &self.header
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        Ok(Raster::block(self, rectangle(&rows, &columns)))
    }
}

impl Image for Source {
    fn header(&self) -> &Header {
        Source::header(self)
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        self.read(rectangle(&rows, &columns))
    }

    fn limit(&mut self, bytes: u64) {
        self.limit_memory(bytes);
    }
}

impl<I: Image + ?Sized> Image for &I {
    fn header(&self) -> &Header {
        (**self).header()
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        (**self).block(rows, columns)
    }

    fn validity(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Option<Vec<bool>>, TiffError> {
        (**self).validity(rows, columns)
    }

    fn in_file(&self, pixel: [usize; 2]) -> [usize; 2] {
        (**self).in_file(pixel)
    }
}

/// A part of an image, its rows and columns in this or in reverse order.
pub struct Part<I> {
    image: I,
    /// Of the part.
    header: Header,
    window: Window,
    /// Whether rows and columns run backwards.
    flip: [bool; 2],
}

impl<I: Image> Part<I> {
    /// A part that lies within the image.
    pub fn new(image: I, window: Window, flip: [bool; 2]) -> Self {
        let header = image.header().part(window).flipped(flip);
        Self { image, header, window, flip }
    }

    /// Where it lies in the image.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The same, described in another way.
    #[must_use]
    pub(super) fn described(self, describe: impl FnOnce(&mut Header)) -> Self {
        let mut part = self;
        describe(&mut part.header);
        part
    }
}

impl<I: Image> Image for Part<I> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Block, TiffError> {
        let place = |range: Range<usize>, first: usize, len: usize, flip: bool| match flip {
            false => first + range.start..first + range.end,
            true => first + len - range.end..first + len - range.start,
        };
        let size = [columns.len(), rows.len()];
        let rows = place(rows, self.window.y, self.window.height, self.flip[0]);
        let columns = place(columns, self.window.x, self.window.width, self.flip[1]);
        Ok(self.image.block(rows, columns)?.flipped(size, self.flip))
    }

    fn limit(&mut self, bytes: u64) {
        self.image.limit(bytes);
    }

    fn in_file(&self, [row, column]: [usize; 2]) -> [usize; 2] {
        let place = |i: usize, first: usize, len: usize, flip: bool| first + if flip { len - 1 - i } else { i };
        let row = place(row, self.window.y, self.window.height, self.flip[0]);
        self.image.in_file([row, place(column, self.window.x, self.window.width, self.flip[1])])
    }
}

fn rectangle(rows: &Range<usize>, columns: &Range<usize>) -> Window {
    Window { x: columns.start, y: rows.start, width: columns.len(), height: rows.len() }
}
