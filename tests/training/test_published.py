"""What is called published is: effective values, defaults included, beside the papers' own.

Sources: 002 is SAN (ICB 2018), 000 FlowSAN (IEEE Access 2019), 003 Marino & Pepe's report (2019),
004 Gender-AN (IEEE IoT Journal 2022); "code" is github.com/iPRoBe-lab/semi-adversarial-networks,
"Keras code" github.com/gianluca-pepe/semi-adversarial-network, STGAN and StarGAN their authors'
code.
"""

from pathlib import Path

import pytest

import faceveil.systems.recipes  # noqa: F401  makes their kinds known
from faceveil.training.config import load_config

FOLDER = Path(__file__).parents[2] / "recipes" / "published"

OURS_OFF = {
    # What FaceVeil adds has no place in a published recipe.
    "anchored": False,
    "network_smoothing": 0.0,
    "smoothing": 0.0,  # the output is the network's own
    "gain": 1.0,
    "views": False,
    "same_share": 1.0,
    "match_share": 1.0,
    "match_views": False,
    "crop": 0,  # code: RandomCrop(224) of 224 px is none
    "lambda_d_opposite": 0.0,
    "prototype_scale": 1.0,
    "prototype_channels": 3,  # 002 2.2.2: RGB
    "combiner_kernel": 1,  # code: convae.py; 000 section 2: "a 1x1-convolutional operation"
    "frame": 224,  # 002 2.2.1
    "lambda_g": 1.0,  # 002 2.3: "a constant of 1"; code: main.py
    "start": "",
    "after": (),
    "leak": 0.01,  # code: nn.LeakyReLU()
    "pretrain_optimizer": "adam",
    "data_order": "stored",
    "data_start": 0,
    "data_stop": 0,
    "opposite_label": "flipped",  # 002 eq. (3), 000 eq. (5): 1 - y
}

CODE = {
    "peak": 2e-4,  # code: learning_rate = 0.0002
    "schedule": "constant",  # code: torch.optim.Adam, no scheduler
    "betas": (0.9, 0.999),  # code: Adam's default
    "batch": 8,  # code: batch_size = 8
    "epochs": 20.0,  # code: range(0, 20)
    "draw": "epochs",  # code: DataLoader(shuffle=True)
    "alignment": "faces",  # code: "aligned prototypes"; README
    "match_unit": True,  # code: vggface.py normalises
}

SAN_CODE = (
    OURS_OFF
    | CODE
    | {
        "classifiers": ("published-gender-official",),  # code: genderpred.py
        "pretrain_steps": 0,  # code: AutoEncoder() as it is initialised
        "pretrain_epochs": 0.0,
        "dissimilarity": "l1",  # code: loss_rec = mean(abs(x - rec_sm))
        "dissimilarity_to": "original",
        "lambda_d": 1.0,  # code: loss_match = loss_rec + ...
        "lambda_m": 8.0,  # code: 8.0 * loss_vgg_match
        "match_reduction": "sum",  # code: size_average=False
        "match_on": "mean",  # code: rep_vgg_mean
        "match_after": 5.0,  # code: if epoch < 5
        "flip": "image",  # code: dataset_loader.py, prototypes get ToTensor() alone
    }
)

SAN_PAPER = (
    OURS_OFF
    | CODE  # 002 gives no rate, batch or length
    | {
        "classifiers": ("published-gender",),  # 002 Fig. 4
        "pretrain_loss": "bce_sum",  # 002 eq. (2)
        "dissimilarity_to": "none",  # 002 eq. (5): no J_D after pre-training
        "lambda_d": 0.0,
        "lambda_m": 1.0,  # 002 2.3: "a constant of 1"
        "match_reduction": "mean",
        "match_on": "sm",  # 002 eq. (4)
        "match_after": 0.0,
        "flip": "none",  # 002 has no augmentation
    }
)

KERAS = SAN_PAPER | {
    "classifiers": ("published-gender-keras",),
    "pretrain_loss": "bce_sum",  # 003 eq. (2)
    "pretrain_epochs": 3.0,  # 003 4.1.1
    "pretrain_batch": 64,  # 003 4.1.1
    "pretrain_whole": True,  # 003 4.1.1: "the whole CelebA train dataset"
    "pretrain_optimizer": "adadelta",  # Keras code: autoencoder.py
    "pretrain_peak": 1.0,  # Keras 2.2 and TensorFlow 1.13: Adadelta's default
    "leak": 0.3,  # Keras: LeakyReLU's default
    "match_on": "sm",  # 003 eq. (4)
    "match_unit": False,  # Keras code: san.py, logits of facematcher.py
    "lambda_m": 1.0,  # 003 eq. (5)
    "alignment": "jittered",
    "landmarks": 0.0,  # Keras code: dataset_loader.py, two files of prototypes
    "data_order": "random",  # Keras code: random.shuffle(all_image_paths)
    "data_stop": 10000,  # 003 4.2.1; Keras code: all_image_paths[:10000]
    "batch": 32,  # 003 4.2.1
    "epochs": 10.0,  # 003 4.2.1
    "peak": 1e-3,  # Keras code: optimizer='adam', its default
}

ENSEMBLE = SAN_PAPER | {
    "dissimilarity": "bce_mean",  # 000 eq. (2), on SM
    "dissimilarity_to": "original",
    "lambda_d": 1.0,  # 000 eq. (6): "can be chosen uniformly"
    "lambda_m": 1.0,
    "match_on": "op",  # 000 eq. (4)
}

GENDER = {
    "frame": 224,  # 002 2.2.1
    "grey": True,  # 002 2.2.3
    "network": "paper",  # 002 Fig. 4
    "norm": False,  # 002 Fig. 4: convolution, leaky ReLU, max-pooling
    "dropout": 0.5,  # 002 2.2.3
    "views": False,  # 002 2.2.3: trained on CelebA-train
    "label_smoothing": 0.0,  # 002 2.2.3: the cross-entropy
    "adversarial": 0.0,
    "balanced": False,
    "draw": "epochs",
    "epochs": 5.0,  # 002 2.2.3
    "schedule": "constant",
    "betas": (0.9, 0.999),
    "weight_decay": 0.0,
    "replicate": 40,  # 000 section 3
    "parts": 5,  # 000 section 3
}

GENDER_AN = {
    "attributes": ("Male", "Attractive", "Heavy_Makeup", "Young"),  # 004 IV-A
    "frame": 224,  # 004 IV-A
    "interpolation": "bicubic",  # 004 IV-A
    "widths": (16, 32, 64, 128, 256),  # 004 Tables I and II
    "condition": "input",  # 004 III-B: "expanded into a matrix of the same width and height"
    "condition_critic": False,  # 004 III-B says otherwise; see the recipe
    "value_range": (-1.0, 1.0),  # 004 Table I: tanh; STGAN
    "lambda_1": 1.0,  # 004 IV-A
    "lambda_2": 10.0,  # 004 IV-A
    "lambda_3": 100.0,  # 004 IV-A
    "lambda_4": 100.0,  # 004 IV-A
    "lambda_gp": 10.0,  # STGAN
    "critic_steps": 5,  # STGAN
    "batch": 16,  # 004 IV-A
    "steps": 1_000_000,  # 004 IV-A
    "peak": 2e-4,  # 004 IV-A
    "schedule": "step",  # 004 IV-A: a tenth after 800,000
    "betas": (0.5, 0.999),  # 004 IV-A
    "held_out": "",  # 004 takes the last: IV-A, "after training the model"
    "ship": "last",
    "anchored": False,
    "views": False,
    "guides": (),
    "match_share": 1.0,
    "smoothing": 0.0,
    "gain": 1.0,
    "start": "",
}

PRIVACYNET = {
    "frame": 224,  # 004 III-C: the matcher's
    "value_range": (-1.0, 1.0),  # StarGAN: Normalize(0.5, 0.5), tanh
    "width": 64,  # StarGAN: g_conv_dim
    "blocks": 6,  # StarGAN: g_repeat_num
    "critic_width": 64,  # StarGAN: d_conv_dim
    "critic_layers": 6,  # StarGAN: d_repeat_num
    "lambda_cls": 1.0,  # StarGAN
    "lambda_rec": 10.0,  # StarGAN
    "lambda_gp": 10.0,  # StarGAN
    "critic_steps": 5,  # StarGAN: n_critic
    "batch": 16,  # StarGAN
    "steps": 200_000,  # StarGAN: num_iters
    "peak": 1e-4,  # StarGAN: g_lr, d_lr
    "schedule": "linear",  # StarGAN: num_iters_decay 100,000
    "betas": (0.5, 0.999),  # StarGAN: beta1, beta2
    "held_out": "",
    "ship": "last",
    "anchored": False,
    "views": False,
    "guides": (),
    "match_share": 1.0,
    "smoothing": 0.0,
    "gain": 1.0,
}

TABLE = {
    "san-code": SAN_CODE,
    "san-paper": SAN_PAPER,
    "san-keras": KERAS,
    "san-marino2019": KERAS
    | {
        "pretrain_loss": "marino2019",  # Keras code: autoencoder.py, pixelwise_crossentropy
        "opposite_label": "reversed_batch",  # Keras code: dataset_loader.py, batch[4][::-1]
    },
    "gender": GENDER,
    "gender-official": GENDER | {"network": "official"},  # code: genderpred.py
    "gender-keras": GENDER
    | {
        "network": "keras",  # Keras code: genderclassifier.py
        "batch": 64,  # 003 4.1.1: "again batches of 64 samples"
        "epochs": 5.0,  # 003 4.1.1
        "peak": 1e-3,  # Keras code: optimizer='adam', its default
    },
    "gender-an": GENDER_AN,
    "privacynet": PRIVACYNET,
}
for i in range(1, 6):
    TABLE[f"gender-{i}"] = GENDER | {"resample": "aux-race", "part": i - 1}  # 000 section 3
    member = {"classifiers": (f"published-gender-{i}",)}  # 000 3.1: SAN_i with G_i
    TABLE[f"ensemble-{i}"] = ENSEMBLE | member
    TABLE[f"flowsan-{i}"] = (
        ENSEMBLE
        | member
        | {
            "start": f"published-ensemble-{i}",  # 000 section 4: "initiated from" the SANs of [45]
            "after": tuple(f"published-flowsan-{k}" for k in range(1, i)),  # 000 3.2
            "epochs": 10.0,  # 000 section 4: "10 additional epochs"
            "dissimilarity_to": "original",  # 000 3.2: the third scheme
        }
    )
COMBINATIONS = {
    "g": ("Male",), "ga": ("Male", "Young"), "gm": ("Male", "Heavy_Makeup"),
    "gattr": ("Male", "Attractive"), "gam": ("Male", "Heavy_Makeup", "Young"),
    "gattra": ("Male", "Attractive", "Young"), "gattrm": ("Male", "Attractive", "Heavy_Makeup"),
}  # fmt: skip
for name, attributes in COMBINATIONS.items():  # 004 Fig. 7
    TABLE[f"gender-an-{name}"] = GENDER_AN | {"attributes": attributes}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_effective_values_are_the_sources(name):
    config = load_config(FOLDER / f"{name}.toml")
    found = {key: getattr(config, key) for key in TABLE[name]}
    assert found == TABLE[name]


def test_every_published_recipe_has_a_row():
    assert {p.stem for p in FOLDER.glob("*.toml")} == set(TABLE)


def test_steps_are_the_reports():
    """10 epochs of 313 batches (003 Fig. 10), 5 of 2,355 (003 Fig. 8), on as many faces."""
    from faceveil.training.draw import step_count

    keras, gender = (load_config(FOLDER / f"{n}.toml") for n in ("san-keras", "gender-keras"))
    assert step_count(keras.steps, keras.epochs, keras.data_stop, keras.batch) == 10 * 313
    train = 88207 + 62517  # 003 section 3.1
    assert step_count(gender.steps, gender.epochs, train, gender.batch) == 5 * 2356  # last one too
