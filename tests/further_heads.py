"""Further heads of several kinds, for tests that train on whatever corpus."""

#: All kinds but the multilabel one, of which the generated corpus has no truth.
HEADS = """
data: {init_args: {heads: {gender: {classes: [female, male]}, length: {kind: regression, column: duration}}}}
model:
  init_args:
    loss:
      terms:
        attributes: {class_path: vibespeaker.losses.AttributeMSE}
        categories: {class_path: vibespeaker.losses.CrossEntropy}
        gender: {class_path: vibespeaker.losses.CrossEntropy, init_args: {head: gender}}
        length: {class_path: vibespeaker.losses.ConcordanceLoss, init_args: {head: length}}
      weights: {attributes: 0.5, categories: 0.5, gender: 0.1, length: 0.1}
"""
