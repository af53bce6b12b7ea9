"""Where frames and gaze come from; one interface, vendor packages imported lazily."""
