//! Who serves which mailbox, in what order, within what budget.
