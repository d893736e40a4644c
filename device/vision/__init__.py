"""From a frame to a template: detect, follow, judge, align, extract."""
