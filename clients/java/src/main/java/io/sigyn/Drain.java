package io.sigyn;

/** How {@link SpanBuffer#drain} ended. */
public enum Drain {
  /** A reader came back with a cursor behind the last span. */
  CONFIRMED,
  /** Everything was sent to a reader that did not come back to say so. */
  DELIVERED,
  /** Time is up. */
  UNREAD,
  /** What was unread went to the OTLP address. */
  PUSHED
}
