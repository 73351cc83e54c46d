"""Sources and targets in object stores (the extra ``stores``): copied here before a job, put there when it is whole."""
