"""The tab's title, messages about the last action and unknown ids, and popovers that close."""
