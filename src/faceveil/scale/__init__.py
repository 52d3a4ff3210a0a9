"""Many machines: folders, Parquet and WebDataset, protected by Ray Data (extra ``scale``)."""
