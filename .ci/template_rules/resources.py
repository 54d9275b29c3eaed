"""What all rules need: resources by type, references, and what a property has to be."""


def of_type(template, kind):
    """The resources of a type: their properties by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def as_list(value):
    return value if isinstance(value, list) else [value]


def ref(name):
    return {"Ref": name}


def arn(name):
    return {"Fn::GetAtt": [name, "Arn"]}


def sub(text):
    return {"Fn::Sub": text}


def binary_of(template, function):
    """The executable of the function with this logical id, or None."""
    metadata = template["Resources"].get(function, {}).get("Metadata", {})
    return metadata.get("BuildProperties", {}).get("Binary")


def functions_by_binary(template):
    """The logical id of the function of each executable."""
    return {binary_of(template, name): name for name in of_type(template, "AWS::Lambda::Function")}


def differences(name, actual, expected, absent=()):
    """What is wrong with the properties of a resource: those that are not as expected, and those that must be absent."""
    for key, value in expected.items():
        if actual.get(key) != value:
            yield f"{name}: {key} has to be {value}, not {actual.get(key)}"
    for key in absent:
        if key in actual:
            yield f"{name}: must not have {key}"


def only(name, actual, expected):
    """What is wrong with properties that have to be exactly these."""
    yield from differences(name, actual, expected, sorted(actual.keys() - expected.keys()))
