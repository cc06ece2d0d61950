//! Whole messages: attachments, originals and bodies, through the front door of the whole service.

mod memory;
mod nested;
mod originals;
mod purge;
mod scene;
mod served;
